"""Creating and changing products in bulk, by sku."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import UserError
from app.models import Product
from app.orchestration import bulk, row_checks
from app.orchestration.rows import RowResult

HEAVIEST_KG = 50_000
LARGEST_L = 100_000


@dataclass(frozen=True, kw_only=True)
class ProductRow:
    """A product as it comes in. The names are the table's."""

    sku: str
    description: str | None = None
    weight_kg: float = 0.0
    volume_l: float = 0.0
    required_skills: list[str] = field(default_factory=list)


async def upsert(session: AsyncSession, *, rows: Sequence[ProductRow], now: datetime) -> list[RowResult[Product]]:
    """Creates or changes products; each bad row answers its own errors."""
    return await bulk.upsert(
        session, Product, rows, field="products", key="sku", refusals=refusals, values=asdict, now=now
    )


def refusals(row: ProductRow) -> list[UserError]:
    """Why this row cannot be taken over."""
    return row_checks.faults(
        row_checks.reference(row.sku, field="sku"),
        row_checks.text(row.description, field="description"),
        row_checks.within(row.weight_kg, lowest=0, highest=HEAVIEST_KG, field="weightKg"),
        row_checks.within(row.volume_l, lowest=0, highest=LARGEST_L, field="volumeL"),
    )
