"""Filling a JSON template from a view, and reading values out of an answer. Pure.

`"${recipient.city}"` is a value with its own type, `"Order ${reference}"` a text, `{"$each": "lines", "$as": {...}}` a
list. What stands between the braces is JMESPath (https://jmespath.org). A key whose value is null is left out.
"""

import re
from typing import Any, Final
from urllib.parse import quote

import jmespath
from jmespath.exceptions import JMESPathError

PLACE = re.compile(r"\$\{([^{}]*)\}")
EACH, AS = "$each", "$as"
MISSING: Final = object()


class TemplateInvalid(ValueError):
    """A template, or an expression in it, that cannot be used."""


class ValueMissing(ValueError):
    """A place that must be filled has no value."""


def value_at(expression: str, data: Any) -> Any:
    """What an expression finds, or None."""
    try:
        return jmespath.search(expression, data)
    except JMESPathError as error:
        raise TemplateInvalid(f"{expression!r} cannot be read here: {error}") from error


def text_at(expression: str | None, data: Any) -> str | None:
    """What an expression finds, as text; None where it finds nothing or no single value."""
    found = None if expression is None else value_at(expression, data)
    return None if found is None or isinstance(found, dict | list) else storable(as_text(found)) or None


def storable(text: str) -> str:
    """A text of somebody else's as a database can hold it: without NUL and halves of characters."""
    return text.replace("\x00", "").encode("utf-8", "ignore").decode()


def as_text(value: object) -> str:
    """A value as it stands inside a text: booleans as JSON writes them, whole numbers without a point."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def filled(template: Any, view: Any) -> Any:
    """The template with every place filled; None where it comes to nothing."""
    found = _filled(template, view)
    return None if found is MISSING else found


def filled_text(template: str, view: Any, *, in_url: bool = False) -> str:
    """A text with every place filled. In a URL each value is escaped and none may be missing."""

    def value(place: re.Match[str]) -> str:
        found = value_at(place[1], view)
        if found is None and in_url:
            raise ValueMissing(f"{place[0]} has no value for this shipment.")
        text = "" if found is None else as_text(found)
        return quote(text, safe="") if in_url else text

    return PLACE.sub(value, template)


def check(template: Any, sample: Any) -> list[str]:
    """What is wrong with a template, a sentence each; `sample` is a view in which every value is present."""
    if isinstance(template, dict):
        if EACH in template:
            return _check_each(template, sample)
        return [fault for part in template.values() for fault in check(part, sample)]
    if isinstance(template, list):
        return [fault for part in template for fault in check(part, sample)]
    if not isinstance(template, str):
        return []
    faults = [fault for place in PLACE.finditer(template) for fault in _check_place(place[1], sample)]
    if "${" in PLACE.sub("", template):
        faults.append(f"{template!r} opens a place with ${{ and does not close it.")
    return faults


def check_expression(expression: str) -> str:
    """The expression, where it is JMESPath."""
    try:
        jmespath.compile(expression)
    except JMESPathError as error:
        raise ValueError(f"{expression!r} is no JMESPath expression: {error}") from error
    return expression


def _filled(template: Any, view: Any) -> Any:
    if isinstance(template, dict):
        return _filled_each(template, view) if EACH in template else _filled_object(template, view)
    if isinstance(template, list):
        return [part for part in (_filled(part, view) for part in template) if part is not MISSING]
    if not isinstance(template, str):
        return template
    if (whole := PLACE.fullmatch(template)) is not None:
        found = value_at(whole[1], view)
        return MISSING if found is None else found
    return filled_text(template, view)


def _filled_object(template: dict[str, Any], view: Any) -> Any:
    parts = {key: _filled(part, view) for key, part in template.items()}
    kept = {key: part for key, part in parts.items() if part is not MISSING}
    return kept if kept or not template else MISSING


def _filled_each(template: dict[str, Any], view: Any) -> list[Any]:
    found = value_at(template[EACH], view) or []
    return [_filled(template[AS], part) for part in found]


def _check_each(template: dict[str, Any], sample: Any) -> list[str]:
    if set(template) != {EACH, AS}:
        return [f"A list needs {EACH} and {AS} and nothing else, not {', '.join(sorted(template))}."]
    faults = _check_place(str(template[EACH]), sample)
    found = None if faults else value_at(template[EACH], sample)
    if not faults and not isinstance(found, list):
        return [f"{EACH} {template[EACH]!r} finds no list."]
    return faults or check(template[AS], found[0] if found else {})


def _check_place(expression: str, sample: Any) -> list[str]:
    try:
        check_expression(expression)
        found = value_at(expression, sample)
    except ValueError as error:
        return [str(error)]
    return [] if found is not None else [f"{expression!r} names nothing that a shipment has."]
