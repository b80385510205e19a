"""Which orders ride together, and which never do, by their goods and by what the shop wrote on them. Pure."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import product

from app.orchestration.plans.loaded import Drop
from app.orchestration.policies.documents import Planning

Sets = tuple[frozenset[str], ...]


def together(drops: Sequence[Drop], rules: Planning) -> Sets:
    """Orders with the same value of the policy's `togetherBy` in their metadata."""
    return _alike(drops, rules.together_by)


def apart(drops: Sequence[Drop], rules: Planning) -> Sets:
    """Orders with the same value of `apartBy`, and each two orders whose goods are of kinds that are kept apart."""
    return (*_alike(drops, rules.apart_by), *_strangers(drops, rules))


def _alike(drops: Sequence[Drop], key: str | None) -> Sets:
    if key is None:
        return ()
    members: defaultdict[str, set[str]] = defaultdict(set)
    for drop in drops:
        for entry in drop.order.attributes:
            if entry["key"] == key:
                members[entry["value"]].add(str(drop.order.id))
    return tuple(frozenset(ids) for _, ids in sorted(members.items()) if len(ids) > 1)


def _strangers(drops: Sequence[Drop], rules: Planning) -> Sets:
    pairs = set()
    for one, other in rules.never_together:
        first, second = ([drop for drop in drops if kind in drop.kinds] for kind in (one, other))
        pairs |= {frozenset({str(a.order.id), str(b.order.id)}) for a, b in product(first, second) if a is not b}
    return tuple(sorted(pairs, key=sorted))
