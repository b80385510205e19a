"""Descriptions of types and fields in the schema, taken from their docstrings: written once, read in both places."""

import inspect
from typing import Any

from graphql import GraphQLEnumType, GraphQLField, GraphQLNamedType, GraphQLSchema
from strawberry.schema.schema_converter import GraphQLCoreConverter

DEFINITION = GraphQLCoreConverter.DEFINITION_BACKREF


def describe(schema: GraphQLSchema) -> None:
    """Gives every type and field of ours that has no description the docstring of its class or resolver."""
    for graphql_type in schema.type_map.values():
        definition = graphql_type.extensions.get(DEFINITION)
        if graphql_type.description is None and definition is not None:
            graphql_type.description = _docstring(_class_of(graphql_type, definition))
        for field in getattr(graphql_type, "fields", {}).values():
            if isinstance(field, GraphQLField) and field.description is None:
                _describe_field(field)


def _describe_field(field: GraphQLField) -> None:
    resolver = getattr(field.extensions.get(DEFINITION), "base_resolver", None)
    if resolver is not None:
        field.description = _docstring(resolver.wrapped_func)


def _class_of(graphql_type: GraphQLNamedType, definition: Any) -> Any:
    return definition.wrapped_cls if isinstance(graphql_type, GraphQLEnumType) else getattr(definition, "origin", None)


def _docstring(thing: Any) -> str | None:
    """Its own docstring, not one that it inherits."""
    text = getattr(thing, "__doc__", None)
    return inspect.cleandoc(text) if text else None
