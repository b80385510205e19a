"""The application's files as text and as syntax trees, for the tests of the house's rules."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
APP = ROOT / "app"


def modules() -> list[Path]:
    """Every Python file of the application."""
    return sorted(APP.rglob("*.py"))


def name(path: Path) -> str:
    """The path as a reader of a failed test wants it."""
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    """The file's syntax tree."""
    return ast.parse(path.read_text())


def calls(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything the file calls or passes on: `datetime.now`, `session.commit`."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute):
            yield node.lineno, ast.unparse(node)


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything the file imports."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
