"""The contract's documents, by file and operation name."""

from functools import lru_cache
from pathlib import Path

from graphql import OperationDefinitionNode, parse, print_ast

FOLDER = Path(__file__).parents[1] / "clients" / "contract"


@lru_cache
def documents() -> dict[tuple[str, str], str]:
    """Every operation of the contract: (file, name) -> document."""
    found = {}
    for path in sorted(FOLDER.glob("*.graphql")):
        for definition in parse(path.read_text()).definitions:
            assert isinstance(definition, OperationDefinitionNode)
            assert definition.name
            found[path.name, definition.name.value] = print_ast(definition)
    return found


def document(file: str, name: str) -> str:
    """One operation, as its client sends it."""
    return documents()[file, name]
