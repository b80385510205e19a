"""`viewer`: who asks."""

import strawberry

from app.auth.principals import PrincipalKind
from app.schema.context import Info
from app.schema.viewer import ViewerType


@strawberry.type
class ViewerQueries:
    """What a caller can read of itself."""

    @strawberry.field
    async def viewer(self, info: Info) -> ViewerType | None:
        """Who asks; null for those who are not signed in."""
        principal = info.context.principal
        return None if principal.kind is PrincipalKind.ANONYMOUS else ViewerType.of(principal)
