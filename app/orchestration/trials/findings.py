"""What a trial finds, rule by rule, as data. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field

MOST_EXAMPLES = 5


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Of `looked_at` past cases, `changed` would have ended otherwise; `examples` name the first, in a sentence each.

    `unknown`: cases of which the past cannot tell, for `why_unknown`.
    """

    rule: str
    looked_at: int
    changed: int
    examples: list[str] = field(default_factory=list)
    unknown: int = 0
    why_unknown: str | None = None


def finding(rule: str, changes: Iterable[str | None], *, unknown: int = 0, why_unknown: str | None = None) -> Finding:
    """One change per case: a sentence, or None where nothing would have changed."""
    looked_at = 0
    changed: list[str] = []
    for sentence in changes:
        looked_at += 1
        if sentence is not None:
            changed.append(sentence)
    return Finding(
        rule=rule,
        looked_at=looked_at,
        changed=len(changed),
        examples=changed[:MOST_EXAMPLES],
        unknown=unknown,
        why_unknown=why_unknown if unknown else None,
    )
