"""Who asks, and what belongs to them."""

import strawberry

from app.auth.principals import Principal, PrincipalKind

PrincipalKindEnum = strawberry.enum(PrincipalKind, description="The kinds of caller.")


@strawberry.type(name="Viewer", description="Who asks.")
class ViewerType:
    """A caller."""

    principal: strawberry.Private[Principal]
    kind: PrincipalKind
    name: str

    @staticmethod
    def of(principal: Principal) -> "ViewerType":
        """The GraphQL form of a principal."""
        return ViewerType(principal=principal, kind=principal.kind, name=principal.name)
