"""Whether a document can be used as a whole: its addresses, and every place in every template. Pure."""

from collections.abc import Collection, Iterator

from app.carriers import documents
from app.carriers.rest import templates, views
from app.carriers.rest.document import Call, ClientCredentials, RestDocument
from app.core import outbound
from app.models.base import Json

# A booking has no number of the carrier's yet when these are called.
BEFORE_BOOKING = frozenset({"quote", "book", "find"})


def parse(document: Json, *, allowed_hosts: Collection[str]) -> RestDocument:
    """The document that this JSON describes. Refuses with GATEWAY_DOCUMENT_INVALID, a sentence for each fault."""
    found = documents.parse(RestDocument, document)
    outbound.check_url(found.base_url, allowed_hosts=allowed_hosts, field="base_url")
    if isinstance(found.authentication, ClientCredentials):
        outbound.check_url(
            found.authentication.token_url, allowed_hosts=allowed_hosts, field="authentication.token_url"
        )
    faults = [f"{name}: {fault}" for name, call in calls_of(found) for fault in _faults(found, name, call)]
    if faults:
        raise documents.invalid(faults, field=faults[0].partition(":")[0])
    return found


def calls_of(document: RestDocument) -> Iterator[tuple[str, Call]]:
    """The calls that a document describes, by name."""
    for name in ("quote", "book", "find", "label", "track", "cancel"):
        call = getattr(document, name)
        if call is not None:
            yield name, call


def _faults(document: RestDocument, name: str, call: Call) -> list[str]:
    sample = views.sample(document, is_booked=name not in BEFORE_BOOKING)
    faults = templates.check([call.path, call.query, call.headers, call.body], sample)
    if name == "label" and document.book.answer.label is not None:
        faults.append("the label comes with the booking already; describe one of label and book.answer.label.")
    return faults
