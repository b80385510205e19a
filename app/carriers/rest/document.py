"""The JSON document that describes a carrier's HTTP interface: where to send what, how to prove who asks, what to read.

docs/carriers.md walks through one. Everything between `${` and `}` is filled from a shipment's view (views.py).
"""

from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from app.carriers.documents import Part, Vocabulary
from app.carriers.rest.templates import check_expression
from app.carriers.secrets import SecretName

Expression = Annotated[str, Field(min_length=1), AfterValidator(check_expression)]
Path = Annotated[str, Field(pattern=r"^/[^\s#]*$")]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")]
Hash = Literal["sha256", "sha512"]
Encoding = Literal["hex", "base64"]


class NoAuthentication(Part):
    """Nothing to prove, or only the signature does."""

    kind: Literal["none"] = "none"


class HeaderAuthentication(Part):
    """A secret in a header, such as `Authorization: Bearer ...` or `X-Api-Key: ...`."""

    kind: Literal["header"]
    header: HeaderName = "Authorization"
    prefix: str = ""
    secret: SecretName


class BasicAuthentication(Part):
    """A user name and a secret (RFC 7617)."""

    kind: Literal["basic"]
    username: str
    secret: SecretName


class ClientCredentials(Part):
    """OAuth 2.0 client credentials (RFC 6749, section 4.4): a token is fetched and kept until it expires."""

    kind: Literal["oauth2"]
    token_url: str
    client_id: str
    secret: SecretName
    scope: str | None = None
    credentials_in: Literal["header", "body"] = "header"


Authentication = Annotated[
    NoAuthentication | HeaderAuthentication | BasicAuthentication | ClientCredentials, Field(discriminator="kind")
]


class Signature(Part):
    """An HMAC over `text`, in which {timestamp}, {method}, {path}, {query}, {body} and {body_sha256} are filled."""

    algorithm: Hash = "sha256"
    secret: SecretName
    header: HeaderName
    text: str = "{timestamp}.{method}.{path}.{body}"
    encoding: Encoding = "hex"
    prefix: str = ""
    timestamp_header: HeaderName | None = None


class Call(Part):
    """One request. `is_idempotent`: the carrier itself makes one of two that are the same."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: Path
    query: dict[str, str] = Field(default_factory=dict)
    headers: dict[HeaderName, str] = Field(default_factory=dict)
    body: Any = None
    is_idempotent: bool = False
    also_successful: list[Annotated[int, Field(ge=300, le=499)]] = Field(default_factory=list)


class PriceAnswer(Part):
    """Where an amount of money stands. `is_minor`: it counts cents."""

    amount: Expression
    currency: Expression | None = None
    is_minor: bool = False


class LabelAnswer(Part):
    """Where a label stands: base64 at `contents`, or the whole body where that is left out."""

    contents: Expression | None = None
    content_type: str = "application/pdf"


class BookAnswer(Part):
    """What a booking's answer says. The label must be inside the answer, or fetched by the call `label`."""

    tracking_number: Expression
    booking_id: Expression | None = None
    price: PriceAnswer | None = None
    label: LabelAnswer | None = None


class BookCall(Call):
    """Hands a shipment over, or finds it by its reference."""

    answer: BookAnswer


class QuoteAnswer(Part):
    """A list of quotes, and what each says."""

    quotes: Expression
    service: Expression
    price: PriceAnswer
    quote_id: Expression | None = None
    arrives_by: Expression | None = None


class QuoteCall(Call):
    """Asks for prices."""

    answer: QuoteAnswer


class LabelCall(Call):
    """Fetches a label."""

    answer: LabelAnswer = LabelAnswer()


class EventAnswer(Part):
    """What one milestone says. Without an `id`, one follows from number, code and time."""

    id: Expression | None = None
    code: Expression
    at: Expression
    tracking_number: Expression | None = None
    reference: Expression | None = None
    reason: Expression | None = None
    note: Expression | None = None
    received_by: Expression | None = None


class TrackAnswer(Part):
    """The number that the answer is about, and its milestones."""

    tracking_number: Expression
    events: Expression
    event: EventAnswer


class TrackCall(Call):
    """Asks what has happened so far, every so many minutes."""

    answer: TrackAnswer
    every_minutes: Annotated[int, Field(ge=1, le=1_440)] = 15


class CancelCall(Call):
    """Gives a booking up; these statuses say that it is gone already."""

    gone: list[int] = Field(default_factory=lambda: [404, 410])


class ErrorAnswer(Part):
    """Where an error's code and words stand."""

    code: Expression | None = None
    message: Expression | None = None


class StandardWebhook(Part):
    """The Standard Webhooks scheme: webhook-id, webhook-timestamp, webhook-signature (v1, HMAC-SHA256)."""

    kind: Literal["standard-webhooks"]
    secret: SecretName
    tolerance_seconds: Annotated[int, Field(ge=30, le=3_600)] = 300


class HmacWebhook(Part):
    """An HMAC in a header over `text`, in which {timestamp} and {body} are filled."""

    kind: Literal["hmac"]
    secret: SecretName
    algorithm: Hash = "sha256"
    header: HeaderName
    encoding: Encoding = "hex"
    prefix: str = ""
    text: str = "{body}"
    timestamp_header: HeaderName | None = None
    tolerance_seconds: Annotated[int, Field(ge=30, le=3_600)] = 300

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if "{body}" not in self.text:
            raise ValueError("text must hold {body}, or the signature proves nothing of it")
        if ("{timestamp}" in self.text) != (self.timestamp_header is not None):
            raise ValueError("{timestamp} in text and timestamp_header need each other")
        return self


class Webhook(Part):
    """How the carrier's own calls are proved and read."""

    signature: Annotated[StandardWebhook | HmacWebhook, Field(discriminator="kind")]
    events: Expression
    event: EventAnswer


class RestDocument(Part):
    """A carrier's whole interface. `constants` are values of the account, for templates; `services` maps our names."""

    base_url: str
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 20.0
    authentication: Authentication = NoAuthentication()
    signature: Signature | None = None
    headers: dict[HeaderName, str] = Field(default_factory=dict)
    constants: dict[str, str | int | float | bool] = Field(default_factory=dict)
    services: dict[str, str] = Field(default_factory=dict)
    quote: QuoteCall | None = None
    book: BookCall
    find: BookCall | None = None
    label: LabelCall | None = None
    track: TrackCall | None = None
    cancel: CancelCall | None = None
    error: ErrorAnswer = ErrorAnswer()
    webhook: Webhook | None = None
    vocabulary: Vocabulary = Vocabulary()

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if not self.book.is_idempotent and self.find is None:
            raise ValueError(
                "two bookings must never come of one shipment: describe the call `find`, which looks a booking up by"
                " its reference, or set book.is_idempotent where the carrier itself makes one of two"
            )
        if (self.track or self.webhook) and not self.vocabulary.milestones:
            raise ValueError("vocabulary.milestones is empty: say what each code of the carrier means")
        if urlsplit(self.base_url).query or urlsplit(self.base_url).fragment:
            raise ValueError("base_url must end before ? and #")
        return self
