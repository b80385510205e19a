"""Reading products."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Product
from app.orchestration.writing import one_of


async def by_skus(session: AsyncSession, skus: Collection[str]) -> dict[str, Product]:
    """The products with these skus, for operations."""
    found = await session.scalars(select(Product).where(one_of(Product.sku, skus)))
    return {product.sku: product for product in found}
