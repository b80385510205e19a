"""The Python that a document shows runs as it is printed."""

import re

import pytest

from tests.architecture.sources import ROOT

INDENTED = re.compile(r"(?:^(?: {4}.*)?\n)+", re.MULTILINE)


def test_the_plan_by_hand_of_the_planning_document_runs_and_prints_what_it_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = (ROOT / "docs" / "planning.md").read_text()
    (snippet,) = [block for block in INDENTED.findall(text) if "import check_orders" in block]
    exec("\n".join(line[4:] for line in snippet.splitlines()), {})
    (printed,) = capsys.readouterr().out.splitlines()
    assert f"This prints `{printed}`." in text
