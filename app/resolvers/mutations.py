"""What every mutation and subscription shares: who may call, idempotency, one transaction, user errors."""

import hashlib
import hmac
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from dataclasses import asdict, is_dataclass
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar

import orjson
import strawberry
from strawberry.extensions.field_extension import FieldExtension
from strawberry.types.field import StrawberryField

from app.auth.principals import Principal, PrincipalKind
from app.core.database import Session
from app.core.errors import NotPermitted, NotSignedIn, Refusal
from app.orchestration.calls import operations as calls
from app.schema.context import Context, Info
from app.schema.errors import UserErrorType

Json = dict[str, Any]
Payload = TypeVar("Payload")
Work = Callable[[Session, Principal, datetime], Awaitable[Json]]

EVERYONE = frozenset(PrincipalKind)
SIGNED_IN = EVERYONE - {PrincipalKind.ANONYMOUS}
CALLERS = "callers"
LONGEST_KEY = 200


def check_caller(principal: Principal, callers: Collection[PrincipalKind], *, field: str) -> None:
    """Refuses a principal of a kind that `field` does not serve."""
    if principal.kind in callers:
        return
    if principal.kind is PrincipalKind.ANONYMOUS:
        raise NotSignedIn(
            f"{field} needs a signed-in caller. Send an access token or an API key as Authorization: Bearer."
        )
    raise NotPermitted(f"{field} does not serve {principal.kind.value} callers. It serves {_named(callers)}.")


class CallerCheck(FieldExtension):
    """Answers a refusal in the payload, before anything runs, to callers that the mutation does not serve."""

    def __init__(self, callers: Collection[PrincipalKind]) -> None:
        self.callers = callers
        self.field: StrawberryField | None = None

    def apply(self, field: StrawberryField) -> None:
        """Keeps the field: its type is the payload to refuse with."""
        self.field = field

    async def resolve_async(self, next_: Callable[..., Awaitable[Any]], source: Any, info: Info, **given: Any) -> Any:
        """Checks the caller, then resolves. Refusals from either become user errors."""
        try:
            check_caller(info.context.principal, self.callers, field=info.field_name)
            return await next_(source, info, **given)
        except Refusal as refusal:
            assert self.field is not None
            return refused(self.field.type, refusal)


def refused(payload: Any, refusal: Refusal) -> Any:
    """A payload that holds nothing but the refusal."""
    return payload(user_errors=[UserErrorType.of(refusal.to_user_error())])


def mutation(
    *, callers: Iterable[PrincipalKind], description: str | None = None
) -> Callable[[Callable[..., Any]], Any]:
    """A mutation field that serves only `callers`. The description defaults to the function's docstring."""
    served = frozenset(callers)

    def decorate(function: Callable[..., Any]) -> Any:
        return strawberry.mutation(
            function,
            description=_described(function, served, description),
            metadata={CALLERS: served},
            extensions=[CallerCheck(served)],
        )

    return decorate


def subscription(
    *, callers: Iterable[PrincipalKind], description: str | None = None
) -> Callable[[Callable[..., AsyncIterator[Any]]], Any]:
    """A subscription field that serves only `callers`; others are refused with a top-level error."""
    served = frozenset(callers)

    def decorate(function: Callable[..., AsyncIterator[Any]]) -> Any:
        @wraps(function)
        async def checked(*positional: Any, **given: Any) -> AsyncIterator[Any]:
            info = next(value for value in (*positional, *given.values()) if isinstance(value, strawberry.Info))
            context: Context = info.context
            check_caller(context.principal, served, field=info.field_name)
            async for value in function(*positional, **given):
                context.forget()
                yield value

        return strawberry.subscription(
            checked, description=_described(function, served, description), metadata={CALLERS: served}
        )

    return decorate


async def perform(
    info: Info,
    input: Any,
    *,
    payload: Callable[..., Payload],
    work: Work,
    answer: Callable[[Json], Awaitable[Payload]],
    wake: Iterable[str] = (),
    actor: Principal | None = None,
) -> Payload:
    """Does `work` in one transaction, once per idempotency key, wakes the readers of its events, and answers.

    `work` returns plain JSON that `answer` builds the payload from: what a replayed key answers too. A refusal rolls
    everything back and is answered as a user error. `actor` replaces the caller where a token in the input says who.
    """
    context, caller = info.context, actor or info.context.principal
    now = context.now()
    try:
        call = _call(info, input, caller)
        outcome = await calls.perform(
            context.database, call=call, now=now, work=lambda session: work(session, caller, now)
        )
    except Refusal as refusal:
        return payload(user_errors=[UserErrorType.of(refusal.to_user_error())])
    for queue in ("default", *wake):
        await context.wake(queue)
    context.forget()
    return await answer(outcome)


def _call(info: Info, input: Any, caller: Principal) -> calls.Call | None:
    key = getattr(input, "idempotency_key", None)
    if not isinstance(key, str):
        return None
    if not 1 <= len(key) <= LONGEST_KEY:
        raise Refusal(
            "IDEMPOTENCY_KEY_INVALID",
            f"An idempotency key has 1 to {LONGEST_KEY} characters, not {len(key)}.",
            field="idempotencyKey",
        )
    secret = info.context.settings.secret_key.get_secret_value()
    return calls.Call(
        caller=caller.key, operation=info.field_name, key=key, input_hash=_input_hash(input, secret=secret)
    )


def _input_hash(input: Any, *, secret: str) -> str:
    """Keyed, because an input may hold a password."""
    values = asdict(input) if is_dataclass(input) and not isinstance(input, type) else dict(input)
    values.pop("idempotency_key", None)
    canonical = orjson.dumps(values, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return hmac.new(secret.encode(), canonical, hashlib.sha256).hexdigest()


def _described(function: Callable[..., Any], callers: Collection[PrincipalKind], description: str | None) -> str:
    text = description or inspect.getdoc(function) or ""
    return f"{text}\n\nServes: {_named(callers)}.".strip()


def _named(callers: Collection[PrincipalKind]) -> str:
    if len(callers) == len(EVERYONE):
        return "everyone"
    return ", ".join(kind.value for kind in PrincipalKind if kind in callers)
