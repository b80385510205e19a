"""The secrets of gateways: named in documents, held by the environment, and looked up only when a call is made."""

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Field, SecretStr

from app.core.errors import Refusal

# In a document a secret is only ever a name.
SecretName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")]
SECRET_FIELD = "secret"  # noqa: S105 - the name of a field
MOST_TOLD = 300


class Secrets:
    """Names to secrets. Never printed."""

    def __init__(self, known: Mapping[str, SecretStr]) -> None:
        self._known = known

    def __repr__(self) -> str:
        return f"Secrets({', '.join(sorted(self._known))})"

    def __getitem__(self, name: str) -> str:
        """The secret; refuses a name that the deployment does not hold."""
        if (found := self._known.get(name)) is None:
            raise Refusal(
                "SECRET_MISSING",
                f"There is no secret {name}. Add it to DOORSTEP_CARRIER_SECRETS and start the processes again.",
            )
        return found.get_secret_value()

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def values_of(self, document: BaseModel) -> list[str]:
        """Every secret that a document names and the deployment holds, to keep them out of messages."""
        return [self[name] for name in named_in(document) if name in self]


def named_in(part: Any) -> Iterator[str]:
    """The names of all secrets in a document."""
    if isinstance(part, BaseModel):
        for name, value in part:
            if name == SECRET_FIELD and isinstance(value, str):
                yield value
            else:
                yield from named_in(value)
    elif isinstance(part, dict):
        for key, value in part.items():
            if key == SECRET_FIELD and isinstance(value, str):
                yield value
            else:
                yield from named_in(value)
    elif isinstance(part, list | tuple):
        for value in part:
            yield from named_in(value)


def told(text: str, *, hidden: Collection[str]) -> str:
    """Somebody else's words as they may be kept and shown: short, printable, without our secrets."""
    for secret in sorted((secret for secret in hidden if secret), key=len, reverse=True):
        text = text.replace(secret, "…")
    plain = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return plain[:MOST_TOLD] or "it gave no reason"
