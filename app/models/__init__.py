"""Every table. Imported whole, so that the metadata is complete."""

from app.models.accounts import ApiKey, KeyScope, RefreshToken, User, UserKind
from app.models.allocations import Allocation, AllocationState, BidPrice
from app.models.base import metadata
from app.models.bookings import (
    Booking,
    BookingState,
    CarrierGateway,
    CarrierNotice,
    GatewayKind,
    Interchange,
    InterchangeDirection,
    InterchangeState,
    NoticeSource,
    NoticeState,
)
from app.models.carriers import Carrier, CarrierCapacity, CarrierContract, CarrierKind, CarrierService, TenderMode
from app.models.decisions import BY_HAND, Decision, DecisionKind
from app.models.driver_events import DriverEvent, RecordOutcome
from app.models.events import ActorKind, Counter, Event, EventReader
from app.models.exceptions import ExceptionCase, ExceptionState, Severity
from app.models.feedback import Feedback, Questionnaire
from app.models.fleet import Driver, DriverPosition, Vehicle
from app.models.holds import Hold, HoldPart, HoldState
from app.models.idempotency import IdempotentCall
from app.models.inventory import InboundDelivery, InventoryLevel, InventoryMovement, MovementReason
from app.models.jobs import Job, JobKind, JobState, SolverPart
from app.models.lanes import LaneDay
from app.models.messages import Message, MessageState
from app.models.nodes import FulfilmentNode, NodeCapacity, NodeKind
from app.models.orders import Channel, Order, OrderKind, OrderLine, OrderState, ProofKind
from app.models.plans import Plan, PlanState
from app.models.policies import Policy
from app.models.products import Product
from app.models.proofs import Proof, Upload, UploadState
from app.models.routes import PauseKind, Route, RouteState
from app.models.shipments import (
    AttemptOutcome,
    CarrierMilestone,
    DeliveryAttempt,
    FailureReason,
    MilestoneKind,
    Shipment,
    ShipmentLine,
    ShipmentState,
)
from app.models.stops import Handover, Stop, StopKind, StopOutcome, StopShipment, StopState
from app.models.tenders import Tender, TenderState

__all__ = [
    "BY_HAND",
    "ActorKind",
    "Allocation",
    "AllocationState",
    "ApiKey",
    "AttemptOutcome",
    "BidPrice",
    "Booking",
    "BookingState",
    "Carrier",
    "CarrierCapacity",
    "CarrierContract",
    "CarrierGateway",
    "CarrierKind",
    "CarrierMilestone",
    "CarrierNotice",
    "CarrierService",
    "Channel",
    "Counter",
    "Decision",
    "DecisionKind",
    "DeliveryAttempt",
    "Driver",
    "DriverEvent",
    "DriverPosition",
    "Event",
    "EventReader",
    "ExceptionCase",
    "ExceptionState",
    "FailureReason",
    "Feedback",
    "FulfilmentNode",
    "GatewayKind",
    "Handover",
    "Hold",
    "HoldPart",
    "HoldState",
    "IdempotentCall",
    "InboundDelivery",
    "Interchange",
    "InterchangeDirection",
    "InterchangeState",
    "InventoryLevel",
    "InventoryMovement",
    "Job",
    "JobKind",
    "JobState",
    "KeyScope",
    "LaneDay",
    "Message",
    "MessageState",
    "MilestoneKind",
    "MovementReason",
    "NodeCapacity",
    "NodeKind",
    "NoticeSource",
    "NoticeState",
    "Order",
    "OrderKind",
    "OrderLine",
    "OrderState",
    "PauseKind",
    "Plan",
    "PlanState",
    "Policy",
    "Product",
    "Proof",
    "ProofKind",
    "Questionnaire",
    "RecordOutcome",
    "RefreshToken",
    "Route",
    "RouteState",
    "Severity",
    "Shipment",
    "ShipmentLine",
    "ShipmentState",
    "SolverPart",
    "Stop",
    "StopKind",
    "StopOutcome",
    "StopShipment",
    "StopState",
    "Tender",
    "TenderMode",
    "TenderState",
    "Upload",
    "UploadState",
    "User",
    "UserKind",
    "Vehicle",
    "metadata",
]
