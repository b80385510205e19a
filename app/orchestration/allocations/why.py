"""Why each way lost against the one that was chosen, and why an order got none, in words with the prices. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.core.money import Money
from app.models.base import Json
from app.orchestration.allocations.bidding import Limit, Offer
from app.orchestration.allocations.candidates import RuledOut
from app.orchestration.allocations.limits import ResourceKind
from app.orchestration.allocations.ways import STAGE

# Differences below half a minor unit are no reason.
LEAST_MINOR = 0.5
# Why an order got nothing, by what its best way lacked.
CODE_OF_KIND = {
    ResourceKind.STOCK: "NO_STOCK",
    ResourceKind.NODE_THROUGHPUT: "NODE_FULL",
    ResourceKind.CARRIER_CAPACITY: "NO_CAPACITY",
}
# What makes one way dearer than another, in a dispatcher's words.
WORDS = {
    "fulfilment": "to handle",
    "carriage": "to carry",
    "contract": "for the contract",
    "distance": "for its distance",
    "lateness": "for expected lateness",
    "emissions": "for emissions",
    "splitting": "for a second shipment",
}


@dataclass(frozen=True, kw_only=True)
class Lost:
    """An offer that was not chosen: a code for programs, a sentence for people, and what it would have used up."""

    offer: Offer
    code: str
    detail: str
    scarcity_minor: int


def lost(chosen: Offer | None, others: Sequence[Offer], limits: Mapping[str, Limit], *, currency: str) -> list[Lost]:
    """Why each of the others lost, those that came closest first."""
    paid = 0.0 if chosen is None else chosen.scarcity(limits)
    found = [_lost(offer, chosen, limits, paid=paid, currency=currency) for offer in others]
    return sorted(
        found, key=lambda each: (each.offer.candidate.cost_minor + each.scarcity_minor, each.offer.candidate.id)
    )


def _lost(offer: Offer, chosen: Offer | None, limits: Mapping[str, Limit], *, paid: float, currency: str) -> Lost:
    """`paid`: the scarcity of the one chosen."""
    scarcity = offer.scarcity(limits)
    code, detail = _reason(offer, chosen, limits, scarcity=scarcity, paid=paid, currency=currency)
    return Lost(offer=offer, code=code, detail=detail, scarcity_minor=round(scarcity))


def _reason(
    offer: Offer, chosen: Offer | None, limits: Mapping[str, Limit], *, scarcity: float, paid: float, currency: str
) -> tuple[str, str]:
    short = offer.lacking(limits, freed=None if chosen is None else chosen.uses)
    if short is not None:
        limit, missing = short
        return "RESOURCE_EXHAUSTED", f"{limit.name} is exhausted: {missing} more would be needed."
    if chosen is None:
        return "NOT_WORTH_SERVING", "It costs more than leaving the order out."
    dearer = offer.candidate.cost_minor - chosen.candidate.cost_minor
    scarcer = scarcity - paid
    if dearer >= 0 and dearer + scarcer >= LEAST_MINOR:
        return "COSTS_MORE", _costs_more(offer, chosen, limits, dearer=dearer, scarcer=scarcer, currency=currency)
    if scarcer > -dearer:
        sentence = _worth_elsewhere(offer, limits, currency=currency)
        return "SCARCE", f"It is {_money(-dearer, currency)} cheaper{_main_part(chosen, offer)}, but {sentence}."
    if dearer < 0:
        return "OTHERS_NEEDED_IT", (
            f"It is {_money(-dearer, currency)} cheaper, but taking it would have cost other orders of the batch more."
        )
    return "COSTS_THE_SAME", "It costs the same as the one chosen."


def _costs_more(
    offer: Offer, chosen: Offer, limits: Mapping[str, Limit], *, dearer: int, scarcer: float, currency: str
) -> str:
    parts = []
    if dearer:
        parts.append(f"It costs {_money(dearer, currency)} more{_main_part(offer, chosen)}")
    else:
        parts.append("It costs the same")
    if scarcer >= LEAST_MINOR:
        parts.append(_worth_elsewhere(offer, limits, currency=currency))
    return ", and ".join(parts) + "."


def _main_part(dear: Offer, cheap: Offer) -> str:
    """Which component makes most of the difference, in words; nothing where no component has one."""
    costs, others = dict(dear.candidate.costs), dict(cheap.candidate.costs)
    gaps = {name: costs.get(name, 0) - others.get(name, 0) for name in {*costs, *others}}
    name = max(gaps, key=lambda key: (gaps[key], key), default=None)
    return f" {WORDS[name]}" if name is not None and gaps[name] > 0 and name in WORDS else ""


def _worth_elsewhere(offer: Offer, limits: Mapping[str, Limit], *, currency: str) -> str:
    """What the offer's scarcest limit is worth to others."""
    worth = {id: limits[id].price_minor * amount for id, amount in offer.uses.items()}
    id = max(worth, key=lambda key: (worth[key], key))
    limit, amount = limits[id], offer.uses[id]
    left = f"{amount} of the last {limit.left} of {limit.name}" if limit.left > 1 else f"the last of {limit.name}"
    return f"{left} is worth {_money(round(worth[id]), currency)} elsewhere today"


def _money(minor: int, currency: str) -> str:
    return f"{Money(minor=minor, currency=currency).to_decimal():f} {currency}"


def unassigned(
    offers: Sequence[Offer],
    ruled_out: Sequence[RuledOut],
    limits: Mapping[str, Limit],
    *,
    worth_minor: int,
    currency: str,
) -> Json:
    """Why an order got nothing, as `orders.unassigned` keeps it: {code, detail, cheapestRelaxation}."""
    if not offers:
        return _impossible(ruled_out)
    ranked = sorted(offers, key=lambda offer: (offer.candidate.cost_minor, offer.candidate.id))
    cheapest = ranked[0]
    short = cheapest.lacking(limits)
    if short is None:
        cost = _money(cheapest.candidate.cost_minor, currency)
        detail = f"The cheapest way costs {cost}; leaving the order out costs {_money(worth_minor, currency)}."
        return {"code": "COSTS_TOO_MUCH", "detail": detail, "cheapestRelaxation": None}
    limit, missing = short
    return {
        "code": CODE_OF_KIND[limit.kind],
        "detail": f"{missing} more of {limit.name} would be needed.",
        "cheapestRelaxation": _relaxation(ranked, limits),
    }


def _impossible(ruled_out: Sequence[RuledOut]) -> Json:
    """The reason of the way that came furthest, the cheapest of these."""
    if not ruled_out:
        detail = "No node and no carrier works at all."
        return {"code": "NO_OPTION", "detail": detail, "cheapestRelaxation": None}
    nearest = max(STAGE[way.code] for way in ruled_out)
    ways = [way for way in ruled_out if STAGE[way.code] == nearest]
    best = min(ways, key=lambda way: (way.cost_minor is None, way.cost_minor or 0))
    relaxation = {"constraint": best.code, "change": best.change, "costMinor": best.cost_minor}
    return {"code": best.code, "detail": best.detail, "cheapestRelaxation": relaxation}


def _relaxation(ranked: Sequence[Offer], limits: Mapping[str, Limit]) -> Json | None:
    """The cheapest way that only one limit keeps away, and how much more of it would do."""
    for offer in ranked:
        short = [
            (limits[id], amount - limits[id].left) for id, amount in offer.uses.items() if amount > limits[id].left
        ]
        if len(short) == 1:
            limit, missing = short[0]
            return {
                "constraint": limit.kind.value,
                "change": f"{missing} more of {limit.name}",
                "costMinor": offer.candidate.cost_minor,
            }
    return None
