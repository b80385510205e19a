import pytest

from tests.architecture.document_links import Link, links
from tests.architecture.sources import ROOT, name

FIX = "Run .venv/bin/python -m tests.architecture.document_links after moving code."


def told(link: Link) -> str:
    return f"{name(link.document)} links {link.text} to {link.target}" + (f" line {link.line}" if link.line else "")


def test_every_relative_link_of_the_documents_leads_to_a_file() -> None:
    assert [told(link) for link in links() if not link.target.exists()] == []


def test_every_link_to_a_line_leads_to_what_it_names() -> None:
    to_lines = [link for link in links() if link.line is not None and link.target.exists()]
    assert [told(link) for link in to_lines if link.line not in link.lines()] == [], FIX


@pytest.mark.parametrize(
    ("text", "is_found"), [("`links`", True), ("`Link`", True), ("`LINK`", True), ("`lin`", False), ("`ROOT`", False)]
)
def test_a_name_is_found_where_it_is_defined_and_nowhere_else(text: str, is_found: bool) -> None:
    target = ROOT / "tests" / "architecture" / "document_links.py"
    link = Link(document=ROOT / "README.md", text=text, target=target, line=None)
    assert bool(link.lines()) is is_found
