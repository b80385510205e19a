"""Money: integer minor units and a currency. Decimal text is for the edges only."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from app.core.errors import Refusal

# ISO 4217: currencies whose minor unit is not a hundredth.
MINOR_DIGITS = {"BHD": 3, "CLP": 0, "ISK": 0, "JOD": 3, "JPY": 0, "KRW": 0, "KWD": 3, "OMR": 3, "TND": 3, "VND": 0}


@dataclass(frozen=True, kw_only=True)
class Money:
    """An amount in minor units, such as cents."""

    minor: int
    currency: str

    def to_decimal(self) -> Decimal:
        """The amount in major units, with the currency's own number of digits."""
        digits = MINOR_DIGITS.get(self.currency, 2)
        return Decimal(self.minor).scaleb(-digits)


def money_from_decimal(amount: str | Decimal, currency: str, *, field: str | None = None) -> Money:
    """Reads `amount` in major units; refuses what is no number, has too many digits, or no known currency form."""
    if len(currency) != 3 or not currency.isalpha() or not currency.isupper():
        raise Refusal("CURRENCY_INVALID", f"{currency!r} is not a currency code such as EUR.", field=field)
    try:
        minor = Decimal(amount).scaleb(MINOR_DIGITS.get(currency, 2))
    except InvalidOperation:
        minor = Decimal("NaN")
    if not minor.is_finite() or minor != minor.to_integral_value() or abs(minor) > 10**15:
        raise Refusal("AMOUNT_INVALID", f"{amount!r} is not an amount of {currency}.", field=field)
    return Money(minor=int(minor), currency=currency)
