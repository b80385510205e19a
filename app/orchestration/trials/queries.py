"""Trying a policy on past days. Reads only: nothing of a trial is kept."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.orchestration.policies import queries as rules
from app.orchestration.policies.documents import PolicyDocument
from app.orchestration.policies.queries import STANDARD, Current
from app.orchestration.trials import comparisons, history
from app.orchestration.trials.comparisons import Pair
from app.orchestration.trials.findings import Finding, finding
from app.orchestration.trials.history import Span

NEVER_WEIGHED = "A part of the cost weighed nothing before, so that no decision recorded how much of it there was."


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What the tried rules would have changed, against those that are in force."""

    span: Span
    against: Current
    findings: list[Finding]

    @property
    def changed(self) -> int:
        """How many cases would have ended otherwise, all rules together."""
        return sum(found.changed for found in self.findings)


async def trial(session: AsyncSession, *, document: PolicyDocument, span: Span, name: str = STANDARD) -> Trial:
    """What `document` would have changed in the span, rule by rule."""
    against = await rules.current_version(session, name)
    pair = Pair(old=against.document, new=document)
    orders = await history.orders(session, span)
    decisions = await history.decisions(session, span)
    weighed, unknown = comparisons.chosen(pair, decisions)
    findings = [
        finding("Promised windows", comparisons.promised(pair, orders)),
        finding("Skills and proofs", comparisons.needed(pair, orders)),
        finding("Choice of node and carrier", weighed, unknown=unknown, why_unknown=NEVER_WEIGHED),
        finding("Autonomy", comparisons.asked(pair, decisions)),
        finding("Tenders", comparisons.answered(pair, await history.tenders(session, span))),
        finding("Failed attempts", comparisons.reattempts(pair, await history.failed_attempts(session, span))),
        finding("Cancellations", comparisons.cancelled(pair, await history.cancellations(session, span))),
        finding("Exceptions", comparisons.opened(pair, await history.cases(session, span))),
        finding("Messages", comparisons.sent(pair, await history.messages(session, span))),
    ]
    return Trial(span=span, against=against, findings=findings)
