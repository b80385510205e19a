"""A carrier that a document describes, behind the carriers' protocol."""

import base64
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from app.carriers.http import Answer, HttpCaller, Outgoing
from app.carriers.protocol import (
    Booked,
    Capability,
    CarrierEvent,
    Consignment,
    Label,
    NotOffered,
    PermanentFailure,
    Quote,
    Receipt,
)
from app.carriers.rest import answers, signing, templates
from app.carriers.rest.document import (
    BasicAuthentication,
    Call,
    ClientCredentials,
    HeaderAuthentication,
    LabelCall,
    RestDocument,
)
from app.carriers.rest.views import view_of
from app.carriers.secrets import Secrets
from app.core import clock
from app.core.errors import Refusal

UNAUTHORISED, FORBIDDEN = 401, 403
JSON_TYPE = "application/json"
# A token is renewed this long before it expires; one whose answer says nothing of it lives this long.
TOKEN_MARGIN, TOKEN_LIFE_SECONDS = timedelta(seconds=30), 300.0


class RestGateway:
    """Asks by the document's templates and reads by its expressions."""

    def __init__(
        self, document: RestDocument, *, carrier: str, secrets: Secrets, allowed_hosts: Collection[str]
    ) -> None:
        self._document = document
        self._carrier = carrier
        self._secrets = secrets
        self._http = HttpCaller(
            carrier=carrier,
            allowed_hosts=allowed_hosts,
            timeout_seconds=document.timeout_seconds,
            hidden=secrets.values_of(document),
        )
        self._token: tuple[str, float] | None = None

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What the document describes."""
        described = {
            Capability.QUOTE: self._document.quote,
            Capability.LABEL: self._document.label,
            Capability.TRACK: self._document.track,
            Capability.CANCEL: self._document.cancel,
        }
        return frozenset({Capability.BOOK, *(one for one, call in described.items() if call is not None)})

    async def quote(self, consignment: Consignment) -> Sequence[Quote]:
        """The carrier's prices, cheapest first."""
        if (call := self._document.quote) is None:
            raise NotOffered(Capability.QUOTE, self._carrier)
        answer = await self._call(call, view_of(consignment, self._document))
        return answers.read_quotes(call.answer, self._json(answer), currency=consignment.price.currency)

    async def book(self, consignment: Consignment) -> Receipt:
        """Books. At a second attempt it first looks whether an earlier one reached the carrier."""
        view, call = view_of(consignment, self._document), self._document.book
        if consignment.attempt > 1 and (found := await self._found(consignment, view)) is not None:
            return found
        body = self._json(await self._call(call, view))
        receipt = answers.read_booking(call.answer, body, currency=consignment.price.currency)
        if receipt is None:
            raise answers.unreadable(
                f"there is no tracking number at {call.answer.tracking_number}. {self._error_text(body) or ''}".strip()
            )
        return receipt

    async def label(self, booked: Booked) -> Label:
        """Fetches the label."""
        if (call := self._document.label) is None:
            raise NotOffered(Capability.LABEL, self._carrier)
        answer = await self._call(call, view_of(booked.consignment, self._document, booked=booked))
        found = self._label(call, answer)
        if found is None or not found.contents:
            raise answers.unreadable("there is no label in it.")
        return found

    async def track(self, booked: Booked) -> Sequence[CarrierEvent]:
        """Everything that the carrier says has happened."""
        call, number = self._document.track, booked.tracking_number
        if call is None or number is None:
            raise NotOffered(Capability.TRACK, self._carrier)
        answer = await self._call(call, view_of(booked.consignment, self._document, booked=booked))
        return answers.read_tracking(call.answer, self._json(answer), self._document.vocabulary, asked_for=number)

    async def cancel(self, booked: Booked) -> None:
        """Cancels; what is gone already is cancelled."""
        if (call := self._document.cancel) is None:
            raise NotOffered(Capability.CANCEL, self._carrier)
        await self._call(call, view_of(booked.consignment, self._document, booked=booked), or_else=call.gone)

    async def _found(self, consignment: Consignment, view: dict[str, Any]) -> Receipt | None:
        if (call := self._document.find) is None:
            return None
        answer = await self._call(call, view, or_else=(404,))
        if answer.status == 404:
            return None
        return answers.read_booking(call.answer, self._json(answer), currency=consignment.price.currency)

    async def _call(self, call: Call, view: dict[str, Any], *, or_else: Collection[int] = ()) -> Answer:
        """The answer to a call, where its status is good; a token that was refused is fetched anew, once."""
        answer = await self._send(call, view)
        if answer.status == UNAUTHORISED and self._token is not None:
            self._token = None
            answer = await self._send(call, view)
        if 200 <= answer.status < 300 or answer.status in {*or_else, *call.also_successful}:
            return answer
        raise self._refused(answer)

    async def _send(self, call: Call, view: dict[str, Any]) -> Answer:
        try:
            return await self._http.send(await self._outgoing(call, view))
        except templates.ValueMissing as error:
            raise PermanentFailure("VALUE_MISSING", f"{self._carrier} cannot be asked: {error}") from error
        except Refusal as refusal:
            raise PermanentFailure(refusal.code, refusal.message) from refusal

    async def _outgoing(self, call: Call, view: dict[str, Any]) -> Outgoing:
        document = self._document
        url = document.base_url.rstrip("/") + templates.filled_text(call.path, view, in_url=True)
        query = {name: templates.filled_text(value, view) for name, value in call.query.items()}
        if query:
            url += f"?{urlencode(query, quote_via=quote)}"
        body = (
            b"" if call.body is None else orjson.dumps(templates.filled(call.body, view), option=orjson.OPT_SORT_KEYS)
        )
        given = {
            name: templates.filled_text(value, view) for name, value in {**document.headers, **call.headers}.items()
        }
        headers = {"accept": JSON_TYPE, **({"content-type": JSON_TYPE} if body else {})}
        headers |= {name.lower(): value for name, value in given.items()} | await self._credentials()
        if document.signature is not None:
            headers |= signing.signed(
                document.signature,
                secret=self._secrets[document.signature.secret],
                method=call.method,
                url=url,
                body=body,
                wall_now=clock.wall_now(),
            )
        return Outgoing(method=call.method, url=url, headers=headers, body=body, is_repeatable=call.is_idempotent)

    async def _credentials(self) -> dict[str, str]:
        proof = self._document.authentication
        if isinstance(proof, HeaderAuthentication):
            return {proof.header.lower(): proof.prefix + self._secrets[proof.secret]}
        if isinstance(proof, BasicAuthentication):
            return {"authorization": _basic(proof.username, self._secrets[proof.secret])}
        if isinstance(proof, ClientCredentials):
            return {"authorization": f"Bearer {await self._access_token(proof)}"}
        return {}

    async def _access_token(self, proof: ClientCredentials) -> str:
        if self._token is not None and clock.stopwatch() < self._token[1]:
            return self._token[0]
        secret = self._secrets[proof.secret]
        form = {"grant_type": "client_credentials", **({"scope": proof.scope} if proof.scope else {})}
        headers = {"accept": JSON_TYPE, "content-type": "application/x-www-form-urlencoded"}
        if proof.credentials_in == "header":
            headers["authorization"] = _basic(quote(proof.client_id, safe=""), quote(secret, safe=""))
        else:
            form |= {"client_id": proof.client_id, "client_secret": secret}
        outgoing = Outgoing(
            method="POST", url=proof.token_url, headers=headers, body=urlencode(form).encode(), is_repeatable=True
        )
        answer = await self._http.send(outgoing)
        body = self._json(answer) if answer.status == 200 else None
        token = templates.text_at("access_token", body)
        if token is None:
            raise self._refused(answer) if answer.status >= 300 else answers.unreadable("there is no access_token.")
        life = float(templates.text_at("expires_in", body) or TOKEN_LIFE_SECONDS) - TOKEN_MARGIN.total_seconds()
        self._token = token, clock.stopwatch() + life
        return token

    def _json(self, answer: Answer) -> Any:
        try:
            return answer.json()
        except ValueError as error:
            raise answers.unreadable(f"it is no JSON ({self._http.excerpt(answer)}).") from error

    def _label(self, call: LabelCall, answer: Answer) -> Label | None:
        if call.answer.contents is None:
            return Label(contents=answer.body, content_type=call.answer.content_type)
        return answers.read_label(call.answer, self._json(answer))

    def _error_text(self, body: Any) -> str | None:
        text = templates.text_at(self._document.error.message, body)
        return text and self._http.told(text)

    def _refused(self, answer: Answer) -> PermanentFailure:
        try:
            body = answer.json()
        except ValueError:
            body = None
        told = self._error_text(body) or self._http.excerpt(answer)
        own_code = templates.text_at(self._document.error.code, body)
        code = "CREDENTIALS_REFUSED" if answer.status in (UNAUTHORISED, FORBIDDEN) else f"CARRIER_{answer.status}"
        named = f" ({self._http.told(own_code)})" if own_code else ""
        return PermanentFailure(code, f"{self._carrier} answered {answer.status}{named}: {told}")


def _basic(username: str, secret: str) -> str:
    return f"Basic {base64.b64encode(f'{username}:{secret}'.encode()).decode()}"
