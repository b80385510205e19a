"""Who may sign in, and the keys that systems use. Secrets are only kept as hashes."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, DateTime
from sqlmodel import Field

from app.models.base import Row, TimedRow, choice


class UserKind(StrEnum):
    """What a person is."""

    DISPATCHER = "DISPATCHER"
    ADMINISTRATOR = "ADMINISTRATOR"
    DRIVER = "DRIVER"
    CARRIER = "CARRIER"


class KeyScope(StrEnum):
    """What a key opens."""

    INTEGRATION = "INTEGRATION"
    CHECKOUT = "CHECKOUT"
    CARRIER = "CARRIER"


class User(TimedRow, table=True):
    """A person with a password."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint(
            "(kind = 'DRIVER') = (driver_id is not null) and (kind = 'CARRIER') = (carrier_id is not null)", name="kind"
        ),
    )

    username: str = Field(unique=True)
    name: str
    kind: UserKind = Field(sa_type=choice(UserKind))
    password_hash: str
    driver_id: uuid.UUID | None = Field(default=None, foreign_key="drivers.id", index=True)
    carrier_id: uuid.UUID | None = Field(default=None, foreign_key="carriers.id", index=True)
    is_active: bool = True


class RefreshToken(Row, table=True):
    """One link of a rotating chain. A used link that comes back ends its whole family."""

    __tablename__ = "refresh_tokens"

    user_id: uuid.UUID = Field(foreign_key="users.id", index=True)
    family_id: uuid.UUID = Field(index=True)
    token_hash: str = Field(unique=True)
    expires_at: datetime = Field(sa_type=DateTime(timezone=True))
    used_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    revoked_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class ApiKey(TimedRow, table=True):
    """A system's key."""

    __tablename__ = "api_keys"
    __table_args__ = (CheckConstraint("(scope = 'CARRIER') = (carrier_id is not null)", name="scope"),)

    name: str
    scope: KeyScope = Field(sa_type=choice(KeyScope))
    carrier_id: uuid.UUID | None = Field(default=None, foreign_key="carriers.id", index=True)
    key_hash: str = Field(unique=True)
    revoked_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
