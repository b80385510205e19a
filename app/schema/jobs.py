"""Jobs: long work, and how far it is."""

import datetime

import strawberry

from app.core.ids import to_global
from app.models import Job, JobKind, JobState
from app.models.base import Json
from app.schema.errors import UserErrorType
from app.schema.relay import Node
from app.schema.scalars import JSON

JobKindEnum = strawberry.enum(JobKind, description="What is worked on.")
JobStateEnum = strawberry.enum(JobState, description="How far it is.")


@strawberry.type(name="JobProgress")
class JobProgressType:
    """How far a job is: a share from 0 to 1, and a sentence."""

    fraction: float
    message: str | None


@strawberry.type(name="JobError")
class JobErrorType:
    """Why a job failed."""

    code: str
    message: str


@strawberry.type(name="Job")
class JobType(Node):
    """Long work. It goes on whatever becomes of the connection that asked for it."""

    row: strawberry.Private[Job]
    kind: JobKind
    state: JobState
    requested_by: str
    created_at: datetime.datetime
    started_at: datetime.datetime | None
    finished_at: datetime.datetime | None
    result: JSON | None

    @strawberry.field
    def progress(self) -> JobProgressType:
        """How far it is."""
        return JobProgressType(fraction=self.row.progress_fraction, message=self.row.progress_message)

    @strawberry.field
    def error(self) -> JobErrorType | None:
        """Why it failed; null where it did not."""
        if self.row.error_code is None:
            return None
        return JobErrorType(code=self.row.error_code, message=self.row.error_message or "")

    @staticmethod
    def of(row: Job) -> "JobType":
        """The GraphQL form of a job."""
        return JobType(
            id=strawberry.ID(to_global("Job", row.id)),
            row=row,
            kind=row.kind,
            state=row.state,
            requested_by=row.requested_by,
            created_at=row.created_at,
            started_at=row.started_at,
            finished_at=row.finished_at,
            result=None if row.result is None else JSON(row.result),
        )


@strawberry.input
class AllocateOrdersInput:
    """All orders that wait, or those with these references."""

    references: list[str] | None = None
    idempotency_key: str | None = None

    def to_arguments(self) -> Json:
        """The job's arguments."""
        return {} if self.references is None else {"references": self.references}


@strawberry.input
class PlanRoutesInput:
    """The own fleet's routes of a local day, or of `days` days from it on, of one node (by reference) or all.

    `seconds`: how long two cores search, over all nodes. `publish`: the drivers get the routes at once; late orders
    first join the routes that are published already and have not left. `replan`, with `publish` and for one day: the
    rest of the published day is worked out anew first, routes under way too; what is in a van stays in it.
    `withoutDrivers`: the references of drivers who do not drive.
    """

    date: datetime.date
    days: int = 1
    node: str | None = None
    seconds: int | None = None
    publish: bool = False
    replan: bool = False
    without_drivers: list[str] = strawberry.field(default_factory=list)
    idempotency_key: str | None = None

    def to_arguments(self) -> Json:
        """The job's arguments."""
        return {
            "date": self.date.isoformat(),
            "days": self.days,
            "node": self.node,
            "seconds": self.seconds,
            "publish": self.publish,
            "replan": self.replan,
            "withoutDrivers": self.without_drivers,
        }


@strawberry.input
class StopJobInput:
    """A job that waits is cancelled; one that runs ends soon, with the best that it has found so far."""

    job_id: strawberry.ID
    idempotency_key: str | None = None


@strawberry.type
class JobPayload:
    """The job that was made; follow it with `job` or `jobProgress`."""

    job: JobType | None = None
    user_errors: list[UserErrorType] = strawberry.field(default_factory=list)


__all__ = ["AllocateOrdersInput", "JobPayload", "JobType", "PlanRoutesInput", "StopJobInput"]
