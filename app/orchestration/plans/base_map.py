"""The streets of an OpenStreetMap extract as lines, to lie under a picture. Needs the extra `roads`."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.core.errors import Refusal

# What is drawn: streets that cars use; footpaths would only fill the picture.
LARGE = ("motorway", "trunk", "primary", "secondary", "tertiary")
DRAWN = frozenset({*LARGE, *(f"{kind}_link" for kind in LARGE), "unclassified", "residential", "living_street"})


def streets(extract: Path) -> list[list[tuple[float, float]]]:
    """Each street as points of (longitude, latitude). Refuses an extract that is not there, and a missing extra."""
    if not extract.is_file():
        raise Refusal("EXTRACT_MISSING", f"There is no road extract {extract}. Name a file that ends with .osm.pbf.")
    try:
        osmium = importlib.import_module("osmium")
    except ImportError:
        raise Refusal(
            "EXTRA_MISSING", "Drawing streets needs the extra `roads`: pip install 'doorstep[roads]'."
        ) from None
    try:
        return [line for line in _lines(osmium, extract) if len(line) > 1]
    except (RuntimeError, ValueError) as error:
        why = str(error).rstrip(".")
        raise Refusal(
            "EXTRACT_INVALID", f"{extract} is no road extract: {why}. Name a file that ends with .osm.pbf."
        ) from error


def _lines(osmium: Any, extract: Path) -> Iterator[list[tuple[float, float]]]:
    ways = osmium.FileProcessor(str(extract)).with_locations()
    ways = ways.with_filter(osmium.filter.EntityFilter(osmium.osm.WAY)).with_filter(osmium.filter.KeyFilter("highway"))
    for way in ways:
        if way.tags.get("highway") in DRAWN:
            yield [(node.lon, node.lat) for node in way.nodes if node.location.valid()]
