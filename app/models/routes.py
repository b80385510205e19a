"""Routes: one vehicle's day or wave."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, DateTime, Index, text
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlmodel import Field

from app.models.base import JSONB, Json, TimedRow, choice, quoted


class RouteState(StrEnum):
    """How far it is."""

    DRAFT = "DRAFT"
    PUBLISHED = "PUBLISHED"
    ACCEPTED = "ACCEPTED"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"


class PauseKind(StrEnum):
    """What a van does that is neither driving nor a visit. A BREAK is lunch; a REST is due after so much work."""

    RELOAD = "RELOAD"
    BREAK = "BREAK"
    REST = "REST"


class Route(TimedRow, table=True):
    """One vehicle's day or wave. `pauses`, in order: where it reloads and rests (orchestration/routes/pauses.py)."""

    __tablename__ = "routes"
    __table_args__ = (
        CheckConstraint("planned_start < planned_end", name="planned"),
        ExcludeConstraint(
            (text("vehicle_id"), "="),
            (text("tstzrange(planned_start, planned_end)"), "&&"),
            name="ex_routes_one_active_per_vehicle",
            using="gist",
            where=text(f"state in ({quoted(RouteState.PUBLISHED, RouteState.ACCEPTED, RouteState.IN_PROGRESS)})"),
        ),
        Index(
            "uq_routes_one_under_way_per_driver",
            "driver_id",
            unique=True,
            postgresql_where=text(f"state = '{RouteState.IN_PROGRESS.value}'"),
        ),
    )

    reference: str = Field(unique=True)
    plan_id: uuid.UUID = Field(foreign_key="plans.id", index=True)
    node_id: uuid.UUID = Field(foreign_key="nodes.id", index=True)
    carrier_id: uuid.UUID = Field(foreign_key="carriers.id", index=True)
    vehicle_id: uuid.UUID = Field(foreign_key="vehicles.id", index=True)
    driver_id: uuid.UUID | None = Field(default=None, foreign_key="drivers.id", index=True)
    state: RouteState = Field(default=RouteState.DRAFT, sa_type=choice(RouteState), index=True)
    version: int = 0
    planned_start: datetime = Field(sa_type=DateTime(timezone=True))
    planned_end: datetime = Field(sa_type=DateTime(timezone=True))
    distance_metres: int = 0
    duration_seconds: int = 0
    cost_minor: int = 0
    currency: str
    load_weight_kg: float = 0.0
    load_volume_l: float = 0.0
    pauses: list[Json] = Field(default_factory=list, sa_type=JSONB)
    started_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    completed_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
