"""A carrier's capacity by day."""

from datetime import date, datetime

import strawberry

from app.auth.principals import STAFF, Principal, PrincipalKind
from app.core.database import Session
from app.orchestration.carriers import capacity, queries
from app.resolvers.mutations import Json, mutation, perform
from app.schema.carriers import CarrierCapacityType, SetCarrierCapacityInput, SetCarrierCapacityPayload
from app.schema.context import Info


@strawberry.type
class CarrierMutations:
    """What a carrier says of itself."""

    @mutation(callers={PrincipalKind.CARRIER} | STAFF)
    async def set_carrier_capacity(self, info: Info, input: SetCarrierCapacityInput) -> SetCarrierCapacityPayload:
        """Sets how many shipments a carrier takes on days to come. All days or none."""

        async def work(session: Session, actor: Principal, now: datetime) -> Json:
            limits = [row.to_limit() for row in input.capacities]
            carrier = await queries.spoken_for(session, actor, reference=input.carrier)
            rows = await capacity.set_limits(session, carrier=carrier, limits=limits, actor=actor, now=now)
            return {"days": [[row.date.isoformat(), row.booked, row.daily_limit] for row in rows]}

        async def answer(outcome: Json) -> SetCarrierCapacityPayload:
            return SetCarrierCapacityPayload(
                capacity=[
                    CarrierCapacityType(date=date.fromisoformat(day), booked=booked, limit=limit)
                    for day, booked, limit in outcome["days"]
                ]
            )

        return await perform(info, input, payload=SetCarrierCapacityPayload, work=work, answer=answer)
