"""What validated JSON documents share: strict parts with camelCase keys, and refusals that name the value. Pure."""

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from app.core.errors import Refusal
from app.models.base import Json

MOST_SENTENCES = 5


class DocumentPart(BaseModel):
    """One part of a document: unknown keys are refused, and nothing changes once it is read."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)

    def to_json(self) -> Json:
        """As it is stored and shown, complete."""
        return self.model_dump(mode="json", by_alias=True)


Read = TypeVar("Read", bound=DocumentPart)


def read(kind: type[Read], document: Any, *, code: str, noun: str, field: str) -> Read:
    """The document as `kind`. Refuses with `code` and a sentence for each of the first faults."""
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False)
        path = ".".join([field, *(str(part) for part in faults[0]["loc"])])
        sentences = " ".join(_sentence(fault) for fault in faults[:MOST_SENTENCES])
        raise Refusal(code, f"The {noun} cannot be read. {sentences}", field=path) from error


def _sentence(fault: Any) -> str:
    path = ".".join(str(part) for part in fault["loc"]) or "document"
    return f"{path}: {fault['msg']} (got {str(fault['input'])[:80]!r})."
