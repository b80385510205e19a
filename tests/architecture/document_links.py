"""The relative links of the documents, and the lines they point at.

A link such as [`record`](../app/x.py#L12) names the function, class or table that stands on its line.
`python -m tests.architecture.document_links` sets every line anew after the code has moved.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.sources import ROOT

LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<path>[^)#\s]*)(?:#(?P<anchor>[^)\s]*))?\)")
LINE = re.compile(r"L\d+")


@dataclass(frozen=True, kw_only=True)
class Link:
    """One link of one document. `line` is None where it points at a whole file."""

    document: Path
    text: str
    target: Path
    line: int | None

    @property
    def named(self) -> str:
        """What the link's text says stands there."""
        return self.text.strip("`")

    def lines(self) -> list[int]:
        """Every line of the target that defines what the link names."""
        named = re.escape(self.named)
        definition = re.compile(rf"\s*(?:async def |def |class ){named}\b|{named}\s*[:=]")
        source = self.target.read_text().splitlines()
        return [number for number, text in enumerate(source, start=1) if definition.match(text)]


def documents() -> list[Path]:
    """The README, the changelog, and everything below docs."""
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def links() -> Iterator[Link]:
    """Every relative link, those to headings of the same document aside."""
    for document in documents():
        for found in LINK.finditer(document.read_text()):
            if found["path"] and "://" not in found["path"]:
                anchor = found["anchor"] or ""
                yield Link(
                    document=document,
                    text=found["text"],
                    target=(document.parent / found["path"]).resolve(),
                    line=int(anchor[1:]) if LINE.fullmatch(anchor) else None,
                )


def set_lines(document: Path) -> None:
    """Writes the document with each link on the first line that defines what it names."""

    def corrected(found: re.Match[str]) -> str:
        if not LINE.fullmatch(found["anchor"] or ""):
            return found[0]
        target = (document.parent / found["path"]).resolve()
        lines = Link(document=document, text=found["text"], target=target, line=None).lines()
        return f"[{found['text']}]({found['path']}#L{lines[0]})" if lines else found[0]

    document.write_text(LINK.sub(corrected, document.read_text()))


if __name__ == "__main__":
    for each in documents():
        set_lines(each)
