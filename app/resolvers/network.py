"""Taking a network document over."""

from datetime import datetime

import strawberry

from app.auth.principals import Principal, PrincipalKind
from app.core.database import Session
from app.models.base import Json
from app.orchestration.network import documents, operations
from app.resolvers.mutations import mutation, perform
from app.schema.context import Info
from app.schema.network import ImportNetworkInput, ImportNetworkPayload
from app.schema.scalars import JSON


@strawberry.type
class NetworkMutations:
    """What nodes, goods and carriers can do beyond their rows."""

    @mutation(callers={PrincipalKind.ADMINISTRATOR})
    async def import_network(self, info: Info, input: ImportNetworkInput) -> ImportNetworkPayload:
        """Takes over services, zones, rate cards, contracts, calendars and kinds of goods. Refused: NETWORK_INVALID."""

        async def work(session: Session, actor: Principal, now: datetime) -> Json:
            document = documents.parse(input.document)
            return {"changed": dict(await operations.take_over(session, document=document, actor=actor, now=now))}

        async def answer(outcome: Json) -> ImportNetworkPayload:
            return ImportNetworkPayload(changed=JSON(outcome["changed"]))

        return await perform(info, input, payload=ImportNetworkPayload, work=work, answer=answer)
