"""Policies as files: a vertical, a title and the document. Five verticals come with the platform.

    {"vertical": "grocery-slots", "title": "...", "document": {...}}

What the document leaves out takes its default, not what is in force: a file says everything.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.core.errors import Refusal
from app.orchestration.policies.documents import PolicyDocument, parse

VERTICALS = Path(__file__).parent / "verticals"
KEYS = frozenset({"vertical", "title", "document"})


@dataclass(frozen=True, kw_only=True)
class PolicyFile:
    """What a file says, read and found right."""

    vertical: str
    title: str
    document: PolicyDocument


def shipped() -> dict[str, PolicyFile]:
    """The verticals that come with the platform, by name."""
    return {path.stem: read(path) for path in sorted(VERTICALS.glob("*.json"))}


def found(name: str) -> PolicyFile:
    """The policy of a file's path, or of a shipped vertical's name."""
    path = Path(name)
    if path.is_file():
        return read(path)
    known = shipped()
    if name in known:
        return known[name]
    raise Refusal(
        "POLICY_FILE_MISSING", f"There is no file {name!r} and no vertical of this name. Verticals: {', '.join(known)}."
    )


def read(path: Path) -> PolicyFile:
    """Reads and checks a file. Refuses with POLICY_INVALID what it cannot read, naming the line or the key."""
    try:
        told: Any = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        sentence = f"{path} is no JSON: {error.msg} in line {error.lineno}, column {error.colno}."
        raise Refusal("POLICY_INVALID", sentence) from error
    except UnicodeDecodeError as error:
        raise Refusal("POLICY_INVALID", f"{path} is no text in UTF-8.") from error
    if not isinstance(told, dict) or not isinstance(told.get("document"), dict) or set(told) - KEYS:
        raise Refusal(
            "POLICY_INVALID", f"{path} must be one object with the keys vertical, title and document, and no others."
        )
    return PolicyFile(
        vertical=str(told.get("vertical") or path.stem),
        title=str(told.get("title") or ""),
        document=parse(told["document"]),
    )
