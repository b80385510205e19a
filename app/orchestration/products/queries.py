"""Reading products."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.models import Product


async def by_skus(session: AsyncSession, skus: Collection[str]) -> dict[str, Product]:
    """The products with these skus, for operations."""
    found = await session.scalars(select(Product).where(col(Product.sku).in_(skus)))
    return {product.sku: product for product in found}
