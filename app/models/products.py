"""What can be ordered: the goods behind an sku."""

from sqlalchemy import CheckConstraint
from sqlmodel import Field

from app.models.base import JSONB, TimedRow


class Product(TimedRow, table=True):
    """One sku with what routing and carriage need to know of it."""

    __tablename__ = "products"
    __table_args__ = (CheckConstraint("weight_kg >= 0 and volume_l >= 0", name="measures"),)

    sku: str = Field(unique=True)
    description: str | None = None
    weight_kg: float = 0.0
    volume_l: float = 0.0
    required_skills: list[str] = Field(default_factory=list, sa_type=JSONB)
    goods_kind: str = "GENERAL"
    length_cm: float = 0.0
    width_cm: float = 0.0
    height_cm: float = 0.0
