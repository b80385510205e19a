"""Which of a policy's areas a door lies in. Pure."""

from collections.abc import Iterable
from typing import TypeVar

from app.orchestration.policies.documents import Area

AnArea = TypeVar("AnArea", bound=Area)


def area_of(areas: Iterable[AnArea], postal_code: str | None) -> AnArea | None:
    """The area whose prefix fits the postal code best; None: it is in none of them."""
    code = (postal_code or "").replace(" ", "").upper()
    fitting = [
        (len(prefix), area)
        for area in areas
        for prefix in area.postal_code_prefixes
        if code.startswith(prefix.replace(" ", "").upper())
    ]
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else None
