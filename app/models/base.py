"""What every table shares: naming conventions, the key, and the column types that SQLModel does not infer."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import DateTime, Enum, MetaData
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from app.core import clock
from app.core.ids import new_id

metadata: MetaData = SQLModel.metadata
metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

Json = dict[str, Any]


def choice(kind: type[StrEnum]) -> Any:
    """A text column that only takes the enum's values: readable in SQL, and changed by an ordinary migration."""
    return Enum(
        kind,
        native_enum=False,
        length=32,
        create_constraint=True,
        name=kind.__name__.lower(),
        values_callable=lambda members: [member.value for member in members],
    )


def quoted(*states: StrEnum) -> str:
    """The states as an SQL list, for the condition of a partial index."""
    return ", ".join(f"'{state.value}'" for state in states)


class Row(SQLModel):
    """A row with a time-ordered key."""

    id: uuid.UUID = Field(default_factory=new_id, primary_key=True)


class TimedRow(Row):
    """A row that knows when it was made, in business time."""

    created_at: datetime = Field(default_factory=clock.now, sa_type=DateTime(timezone=True))


__all__ = ["JSONB", "Json", "Row", "TimedRow", "choice", "metadata", "quoted"]
