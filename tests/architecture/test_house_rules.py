import ast
from pathlib import Path

import pytest

from tests.architecture.sources import APP, calls, imports, modules, name, tree

MOST_LINES = 450
MOST_LINES_WITHOUT_A_DOCSTRING = 15
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "manager", "managers", "common", "misc"}
CLOCK_READS = {
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "time.time",
    "time.time_ns",
    "time.monotonic",
    "time.monotonic_ns",
    "time.perf_counter",
    "time.perf_counter_ns",
}
CLOCK_FUNCTIONS = {read for read in CLOCK_READS if read.startswith("time.")}


def reads_clock(dotted: str) -> bool:
    return ".".join(dotted.split(".")[-2:]) in CLOCK_READS


def test_only_the_database_module_commits() -> None:
    found = [
        f"{name(path)}:{line}"
        for path in modules()
        if path != APP / "core" / "database.py"
        for line, dotted in calls(path)
        if dotted.endswith(".commit") and dotted != "connection.commit"
    ]
    assert found == []


def test_locked_rows_can_still_be_referenced() -> None:
    """FOR UPDATE would make each new row that points at a locked one wait for it, and two of them deadlock."""
    found = [
        f"{name(path)}:{node.lineno}"
        for path in modules()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and (
            (ast.unparse(node.func).endswith("with_for_update") and "key_share=True" not in ast.unparse(node))
            or any(word.arg == "with_for_update" and ast.unparse(word.value) == "True" for word in node.keywords)
        )
    ]
    assert found == []


def test_only_the_clock_module_reads_a_clock() -> None:
    found = [
        f"{name(path)}:{line} {dotted}"
        for path in modules()
        if path != APP / "core" / "clock.py"
        for line, dotted in [
            *((line, dotted) for line, dotted in calls(path) if reads_clock(dotted)),
            *((line, dotted) for line, dotted in imports(path) if dotted in CLOCK_FUNCTIONS),
        ]
    ]
    assert found == []


@pytest.mark.parametrize(
    ("source", "is_read"),
    [
        ("datetime.now(UTC)", True),
        ("datetime.datetime.now()", True),
        ("time.monotonic()", True),
        ("default_factory=date.today", True),
        ("clock.now()", False),
        ("clock.wall_now()", False),
        ("time.sleep(1)", False),
    ],
)
def test_a_clock_read_is_recognised_in_every_spelling(source: str, is_read: bool) -> None:
    found = [
        node
        for node in ast.walk(ast.parse(f"f({source})"))
        if isinstance(node, ast.Attribute) and reads_clock(ast.unparse(node))
    ]
    assert bool(found) is is_read


def test_resolvers_and_schema_import_no_sql() -> None:
    found = [
        f"{name(path)}:{line} {dotted}"
        for floor in ("resolvers", "schema")
        for path in sorted((APP / floor).rglob("*.py"))
        for line, dotted in imports(path)
        if dotted.split(".")[0] in {"sqlalchemy", "sqlmodel", "asyncpg"}
    ]
    assert found == []


def test_no_file_outgrows_one_sitting() -> None:
    lines = {name(path): len(path.read_text().splitlines()) for path in modules()}
    assert {path: count for path, count in lines.items() if count > MOST_LINES} == {}


def test_every_module_says_what_it_is_for() -> None:
    found = [
        name(path)
        for path in modules()
        if len(path.read_text().splitlines()) > MOST_LINES_WITHOUT_A_DOCSTRING and not ast.get_docstring(tree(path))
    ]
    assert found == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    def says_nothing(path: Path) -> bool:
        return not FORBIDDEN_NAMES.isdisjoint({path.stem, *path.relative_to(APP).parts[:-1]})

    assert [name(path) for path in modules() if says_nothing(path)] == []
