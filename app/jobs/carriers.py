"""Speaks to carriers: books and cancels, asks for milestones, writes and reads EDI files.

Everything that is due is a row. Each step claims rows in one transaction, calls without any, and records in another.
Each carrier is served by a task of its own, so that one that answers slowly holds up nobody else.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

import structlog
from sqlalchemy.exc import IntegrityError

from app.carriers import gateways
from app.carriers.edi.folders import IncomingFile
from app.carriers.edi.gateway import EdiGateway
from app.carriers.gateways import GatewaySettings
from app.carriers.protocol import (
    CALL_LIMIT_SECONDS,
    Booked,
    Capability,
    Gateway,
    GatewayFailure,
    PermanentFailure,
    Receipt,
    TemporaryFailure,
)
from app.core import clock
from app.core.blobs import BlobStore
from app.core.database import Database, Session
from app.core.errors import Refusal
from app.models import Carrier, CarrierGateway, GatewayKind
from app.orchestration.bookings import gateways as gateway_rows
from app.orchestration.bookings import interchanges, operations, receiving, tracking, watching
from app.orchestration.bookings.consignments import Errand
from app.orchestration.bookings.operations import Failure
from app.orchestration.bookings.receiving import FileOutcome

BATCH = 20
FILES_AT_ONCE = 50
# Longer than the longest call and the label that follows it.
LEASE = timedelta(seconds=2 * CALL_LIMIT_SECONDS + 30)
FAULT_OF_OURS = "INTERNAL_ERROR"
FOLDER_OF = {FileOutcome.READ: "archive", FileOutcome.DUPLICATE: "archive", FileOutcome.REFUSED: "failed"}
log = structlog.get_logger(__name__)


@dataclass(kw_only=True)
class CarrierDesk:
    """What a worker needs to speak to carriers. Gateways are kept while their document stays the same."""

    database: Database
    settings: GatewaySettings
    blobs: BlobStore
    watch_every_seconds: float = 60.0
    _watched_at: float = float("-inf")
    _gateways: dict[tuple[uuid.UUID, int], Gateway] = field(default_factory=dict)
    _at_work: dict[Hashable, asyncio.Task[None]] = field(default_factory=dict)

    async def start(self) -> None:
        """Sets to work all that is due, and does not wait for it: a task for each carrier, one for files, one to track.

        What is at work already is left at it.
        """
        async with self.database.reading() as session:
            due = await operations.carriers_due(session, wall=clock.wall_now())
        for carrier_id in due:
            self._begin(carrier_id, partial(self._book_all, carrier_id))
        self._begin("files", self.exchange_files)
        self._begin("tracking", self._track_all)

    async def work(self) -> None:
        """Does all that is due."""
        await self.start()
        await asyncio.gather(*self._at_work.values())

    async def close(self) -> None:
        """Ends what is at work; what was claimed is taken up again when its lease runs out."""
        tasks = list(self._at_work.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, name: Hashable, work: Callable[[], Awaitable[None]]) -> None:
        if name in self._at_work:
            return

        async def run() -> None:
            try:
                await work()
            except Exception:
                log.exception("carriers.work_failed", what=str(name))
            finally:
                del self._at_work[name]

        self._at_work[name] = asyncio.create_task(run())

    async def book(self, carrier_id: uuid.UUID) -> int:
        """Makes and calls off a carrier's bookings that are due, side by side; answers how many it were."""
        async with self.database.transaction() as session:
            errands = await operations.claim_due(
                session, carrier_id=carrier_id, now=clock.now(), wall=clock.wall_now(), lease=LEASE, limit=BATCH
            )
        await asyncio.gather(*(self._run(errand) for errand in errands))
        return len(errands)

    async def exchange_files(self) -> None:
        """Reads what came, writes what is to go, and looks for what should have come."""
        await self.read_files()
        await self.write_files()
        if clock.stopwatch() - self._watched_at >= self.watch_every_seconds:
            self._watched_at = clock.stopwatch()
            await self.database.run(lambda session: watching.watch(session, now=clock.now()))

    async def _book_all(self, carrier_id: uuid.UUID) -> None:
        while await self.book(carrier_id):
            pass

    async def _track_all(self) -> None:
        while await self.track():
            pass

    async def track(self) -> int:
        """Asks about the bookings that are due; answers how many it were."""
        async with self.database.transaction() as session:
            errands = await tracking.claim_due(session, now=clock.now(), limit=BATCH)
        await asyncio.gather(*(self._track(errand) for errand in errands))
        return len(errands)

    async def write_files(self) -> None:
        """Writes the acknowledgements that wait."""
        async with self.database.reading() as session:
            rows = await interchanges.to_write(session, limit=FILES_AT_ONCE)
        for interchange, carrier, row in rows:
            gateway = await self._gateway(carrier, row)
            if isinstance(gateway, EdiGateway) and interchange.content is not None:
                try:
                    await gateway.put(interchange.file_name, interchange.content)
                except GatewayFailure as failure:
                    log.warning("edi.unwritable", carrier=carrier.reference, error=failure.message)
                    continue
                await self.database.run(partial(interchanges.record_written, interchange_id=interchange.id))

    async def read_files(self) -> None:
        """Reads every carrier's folder."""
        async with self.database.reading() as session:
            rows = await gateway_rows.of_kind(session, GatewayKind.EDI)
        for carrier, row in rows:
            gateway = await self._gateway(carrier, row)
            if isinstance(gateway, EdiGateway):
                await self._read_folder(carrier, row, gateway)

    async def _read_folder(self, carrier: Carrier, row: CarrierGateway, gateway: EdiGateway) -> None:
        try:
            files = await asyncio.to_thread(
                lambda: list(gateway.exchange.arrived(wall_now=clock.wall_now(), limit=FILES_AT_ONCE))
            )
        except OSError as error:
            log.warning("edi.unreadable", carrier=carrier.reference, error=str(error))
            return
        for file in files:
            await self._read_file(carrier, row, gateway, file)

    async def _read_file(self, carrier: Carrier, row: CarrierGateway, gateway: EdiGateway, file: IncomingFile) -> None:
        async def receive(session: Session) -> FileOutcome:
            received = await receiving.receive(
                session, carrier, row, gateway.document, text=file.text, name=file.path.name, now=clock.now()
            )
            return received.outcome

        try:
            outcome = await self.database.run(receive)
        except Exception as error:
            log.exception("edi.read_failed", carrier=carrier.reference, file=file.path.name)
            why = f"Reading it failed with {type(error).__name__}; the log says more."
            outcome = FileOutcome.REFUSED
            await self.database.run(
                lambda session: receiving.refuse(session, carrier, name=file.path.name, why=why, now=clock.now())
            )
        name = f"{clock.wall_now():%Y%m%dT%H%M%S%f}_{file.path.name}"
        await asyncio.to_thread(gateway.exchange.put_away, file, where=FOLDER_OF[outcome], name=name)
        log.info("edi.file_read", carrier=carrier.reference, file=file.path.name, outcome=outcome.value)

    async def _run(self, errand: Errand) -> None:
        """One call, and what became of it. What is left unrecorded is taken up again when the lease runs out."""
        try:
            await self._call(errand)
        except (GatewayFailure, Refusal) as failure:
            await self._record_failure(errand, failure)
        except Exception as error:
            log.exception("booking.call_failed", booking=errand.booking.reference, carrier=errand.carrier.reference)
            await self._record_failure(
                errand, TemporaryFailure("INTERNAL_ERROR", f"It failed: {type(error).__name__}.")
            )

    async def _call(self, errand: Errand) -> None:
        gateway = await self._gateway(errand.carrier, errand.gateway)
        if errand.is_cancellation:
            await gateway.cancel(errand.booked)
            await self.database.run(
                lambda session: operations.record_cancelled(session, errand.booking, now=clock.now())
            )
            return
        receipt, key, label_fault = await self._booked(gateway, errand)

        async def record(session: Session) -> None:
            await operations.record_booked(
                session,
                errand.booking,
                receipt,
                label_key=key,
                label_fault=label_fault,
                track_after=tracking.track_after(errand.gateway),
                now=clock.now(),
            )

        try:
            await self.database.run(record)
        except IntegrityError:  # two shipments got one number at the same moment: the second look sees it
            await self.database.run(record)

    async def _booked(self, gateway: Gateway, errand: Errand) -> tuple[Receipt, str | None, str | None]:
        """The carrier's receipt, where its label lies by now, and why there will never be one."""
        receipt = await gateway.book(errand.consignment)
        if receipt.label is None and receipt.is_confirmed and Capability.LABEL in gateway.capabilities:
            booked = Booked(
                consignment=errand.consignment, tracking_number=receipt.tracking_number, booking_id=receipt.booking_id
            )
            try:
                receipt = replace(receipt, label=await gateway.label(booked))
            except PermanentFailure as failure:
                return receipt, None, failure.message
        if receipt.label is None:
            return receipt, None, None
        key = f"labels/{errand.booking.id}"
        await self.blobs.put(key, receipt.label.contents)
        return receipt, key, None

    async def _record_failure(self, errand: Errand, error: GatewayFailure | Refusal) -> None:
        failure = Failure(
            code=error.code,
            message=error.message,
            may_pass=isinstance(error, TemporaryFailure),
            is_outcome_unknown=error.code == FAULT_OF_OURS,
            retry_after_seconds=error.retry_after_seconds if isinstance(error, TemporaryFailure) else None,
        )
        log.warning("booking.failed", booking=errand.booking.reference, code=failure.code, may_pass=failure.may_pass)
        await self.database.run(
            lambda session: operations.record_failure(
                session, errand.booking, failure, now=clock.now(), wall=clock.wall_now()
            )
        )

    async def _track(self, errand: Errand) -> None:
        try:
            gateway = await self._gateway(errand.carrier, errand.gateway)
            events = await gateway.track(errand.booked)
        except (GatewayFailure, Refusal) as failure:
            log.warning("booking.untracked", booking=errand.booking.reference, code=failure.code, why=failure.message)
            return
        await self.database.run(lambda session: tracking.record(session, errand, events, now=clock.now()))

    async def _gateway(self, carrier: Carrier, row: CarrierGateway) -> Gateway:
        key = row.id, row.version
        if key not in self._gateways:
            self._gateways = {known: one for known, one in self._gateways.items() if known[0] != row.id}
            self._gateways[key] = gateways.build(row.kind, row.document, carrier=carrier.name, settings=self.settings)
        return self._gateways[key]
