"""Reading and changing policies."""

import uuid
from datetime import datetime

import strawberry

from app.auth.principals import Principal, PrincipalKind
from app.core.database import Session
from app.core.errors import Refusal
from app.orchestration.policies import operations, queries
from app.resolvers.mutations import Json, mutation, perform
from app.schema.context import Info
from app.schema.policies import PolicyType, UpdatePolicyInput, UpdatePolicyPayload
from app.schema.relay import NODE_SOURCES, NodeSource

NODE_SOURCES["Policy"] = NodeSource(batch=queries.by_ids, of=PolicyType.of)


@strawberry.type
class PolicyQueries:
    """The rules in force."""

    @strawberry.field
    async def policies(self, info: Info) -> list[PolicyType]:
        """The newest version of each policy, by name. For staff."""
        context = info.context
        async with context.database.reading() as session:
            return [PolicyType.of(row) for row in await queries.in_force(session, context.principal)]


@strawberry.type
class PolicyMutations:
    """Changing the rules."""

    @mutation(callers={PrincipalKind.ADMINISTRATOR})
    async def update_policy(self, info: Info, input: UpdatePolicyInput) -> UpdatePolicyPayload:
        """Writes the next version of a policy. Refused with POLICY_INVALID or STALE_VERSION."""
        changes = input.document

        async def work(session: Session, actor: Principal, now: datetime) -> Json:
            if not isinstance(changes, dict):
                raise Refusal("POLICY_INVALID", "The document is no JSON object. Send one.", field="document")
            policy = await operations.update(
                session,
                name=input.name,
                changes=changes,
                expected_version=input.expected_version,
                actor=actor,
                now=now,
            )
            return {"policyId": str(policy.id)}

        async def answer(outcome: Json) -> UpdatePolicyPayload:
            row = await info.context.load(queries.by_ids, uuid.UUID(outcome["policyId"]))
            return UpdatePolicyPayload(policy=None if row is None else PolicyType.of(row))

        return await perform(info, input, payload=UpdatePolicyPayload, work=work, answer=answer)
