"""What a client learns of an error outside payloads: a refusal's code, or INTERNAL_ERROR and an id to report."""

from typing import Any

import structlog
from graphql import GraphQLError
from strawberry.extensions import MaskErrors

from app.core.errors import Refusal
from app.core.ids import new_id

log = structlog.get_logger(__name__)


def cause_of(error: BaseException) -> BaseException:
    """What a GraphQL error wraps, at the bottom."""
    while isinstance(error, GraphQLError) and error.original_error is not None:
        error = error.original_error
    return error


def needs_translation(error: GraphQLError) -> bool:
    """Whether an error came from our code, rather than from reading the document and its variables."""
    return not isinstance(cause_of(error), GraphQLError)


class Errors(MaskErrors):
    """Shows refusals by their code, and hides everything unexpected behind an id that the log has too."""

    def __init__(self) -> None:
        super().__init__(should_mask_error=needs_translation)

    def anonymise_error(self, error: GraphQLError) -> GraphQLError:
        """The error as the client may see it."""
        cause = cause_of(error)
        if isinstance(cause, Refusal):
            return _located(error, cause.message, {"code": cause.code, "field": cause.field})
        correlation_id = str(new_id())
        log.error("graphql.internal_error", correlation_id=correlation_id, path=error.path, exc_info=cause)
        message = f"Something went wrong on our side. Report the id {correlation_id}."
        return _located(error, message, {"code": "INTERNAL_ERROR", "correlationId": correlation_id})


def _located(error: GraphQLError, message: str, extensions: dict[str, Any]) -> GraphQLError:
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=extensions,
    )
