"""A small city for a day: nodes, fleets, goods and orders, drawn from one seed.

Shares and rates follow what real days look like: most doors within a few kilometres of a node, a tenth of the windows
narrow, a few doors that stay closed. Coordinates are around Lisbon; people and streets are made up.
"""

import math
import random
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

CENTRE = (38.7369, -9.1427)
METRES_PER_DEGREE = 111_320.0
FIRST_NAMES = (
    "Ana",
    "Bruno",
    "Clara",
    "Diogo",
    "Eva",
    "Filipe",
    "Graça",
    "Hugo",
    "Inês",
    "João",
    "Kira",
    "Luís",
    "Marta",
    "Nuno",
    "Olga",
    "Paulo",
    "Rita",
    "Sara",
    "Tiago",
    "Vera",
)
LAST_NAMES = (
    "Almeida",
    "Barros",
    "Costa",
    "Dias",
    "Esteves",
    "Faria",
    "Gomes",
    "Henriques",
    "Lopes",
    "Martins",
    "Neves",
    "Pinto",
    "Ramos",
    "Santos",
    "Teixeira",
    "Vaz",
)
STREETS = (
    "Rua do Sol",
    "Rua das Flores",
    "Avenida Central",
    "Travessa da Fonte",
    "Largo do Carmo",
    "Rua da Escola",
    "Beco do Rio",
)
LOCALES = ("pt", "pt", "pt", "en", "es", "de", "fr")
CHANNELS = (["SMS"], ["EMAIL"], ["WHATSAPP"], ["SMS", "EMAIL"], ["IN_APP"])


@dataclass(frozen=True, kw_only=True)
class Person:
    """A recipient, with the habits that the simulated door has."""

    name: str
    phone: str
    email: str
    locale: str
    channels: list[str]
    absent_visits: int
    rates: bool
    mood: float


@dataclass(frozen=True, kw_only=True)
class CityOrder:
    """An order as a shop sends it (an element of UpsertOrdersInput.orders), and who stands behind the door."""

    input: dict[str, object]
    person: Person


@dataclass(frozen=True, kw_only=True)
class City:
    """Everything a day needs. Each list holds inputs of the platform's own mutations."""

    day: date
    zone: ZoneInfo
    nodes: list[dict[str, object]]
    carriers: list[dict[str, object]]
    vehicles: list[dict[str, object]]
    drivers: list[dict[str, object]]
    products: list[dict[str, object]]
    stock: list[dict[str, object]]
    orders: list[CityOrder]
    late_orders: list[CityOrder] = field(default_factory=list)


def offset(point: tuple[float, float], *, north_metres: float, east_metres: float) -> tuple[float, float]:
    """The point so many metres away, on a locally flat earth."""
    latitude = point[0] + north_metres / METRES_PER_DEGREE
    longitude = point[1] + east_metres / (METRES_PER_DEGREE * math.cos(math.radians(point[0])))
    return round(latitude, 6), round(longitude, 6)


def build(*, day: date, zone: ZoneInfo, orders: int, seed: int) -> City:
    """Draws the city. The same arguments give the same city."""
    draw = random.Random(seed)
    nodes = _nodes()
    products = [
        {"sku": f"SKU-{number:03}", "description": f"Article {number}", "weightKg": weight, "volumeL": volume}
        for number in range(1, 41)
        for weight, volume in [(round(draw.uniform(0.2, 6), 2), round(draw.uniform(0.5, 18), 1))]
    ]
    stock = [
        {"node": node["reference"], "sku": product["sku"], "onHand": max(20, round(orders * draw.uniform(0.04, 0.12)))}
        for node in nodes
        for product in products
    ]
    late = max(1, orders // 25)
    made = [_order(number, day=day, zone=zone, products=products, draw=draw) for number in range(1, orders + 1)]
    vans = max(2, math.ceil(orders / 60))
    return City(
        day=day,
        zone=zone,
        nodes=nodes,
        carriers=_carriers(orders),
        vehicles=[vehicle for node in nodes for vehicle in _vehicles(node, vans)],
        drivers=[driver for node in nodes for driver in _drivers(node, vans, draw)],
        products=products,
        stock=stock,
        orders=made[:-late],
        late_orders=made[-late:],
    )


def _nodes() -> list[dict[str, object]]:
    places = (
        ("LIS-N", "Lisbon North", 6_500, -500),
        ("LIS-W", "Lisbon West", -1_000, -6_000),
        ("LIS-E", "Lisbon East", 500, 4_500),
    )
    nodes: list[dict[str, object]] = []
    for reference, name, north, east in places:
        latitude, longitude = offset(CENTRE, north_metres=north, east_metres=east)
        nodes.append(
            {
                "reference": reference,
                "name": name,
                "kind": "WAREHOUSE",
                "line1": "Rua do Armazém 1",
                "city": "Lisboa",
                "postalCode": "1000-001",
                "country": "PT",
                "location": {"latitude": latitude, "longitude": longitude},
                "timeZone": "Europe/Lisbon",
                "opensMinute": 0,
                "closesMinute": 1440,
                "cutoffMinute": 900,
                "throughputPerHour": 200,
                "handlingMinor": 60,
            }
        )
    return nodes


def _carriers(orders: int) -> list[dict[str, object]]:
    return [
        _carrier("OWN", "Doorstep Fleet", "OWN_FLEET", "AUTOMATIC", limit=orders * 3, base=180, per_km=45),
        _carrier("RAPIDO", "Rápido Express", "THIRD_PARTY", "ASK", limit=max(10, orders // 8), base=260, per_km=30),
        _carrier("VERDE", "Verde Bikes", "THIRD_PARTY", "ASK", limit=max(10, orders // 10), base=210, per_km=70),
    ]


def _carrier(
    reference: str, name: str, kind: str, mode: str, *, limit: int, base: int, per_km: int
) -> dict[str, object]:
    return {
        "reference": reference,
        "name": name,
        "kind": kind,
        "tenderMode": mode,
        "services": ["STANDARD"],
        "skills": [],
        "zoneRadiusMetres": 8_000 if reference == "VERDE" else 30_000,
        "baseMinor": base,
        "perKmMinor": per_km,
        "perKgMinor": 8,
        "maxWeightKg": 15.0 if reference == "VERDE" else 200.0,
        "responseMinutes": 30,
        "cutoffMinute": 1_080,
        "dailyLimit": limit,
        "gramsCo2PerKm": {"OWN": 140, "RAPIDO": 210, "VERDE": 5}[reference],
    }


def _vehicles(node: dict[str, object], count: int) -> list[dict[str, object]]:
    return [
        {
            "registration": f"{node['reference']}-{number:02}",
            "carrier": "OWN",
            "node": node["reference"],
            "maxWeightKg": 800.0,
            "maxVolumeL": 3_500.0,
            "fixedMinor": 3_000,
            "perKmMinor": 35,
            "perHourMinor": 1_400,
            "skills": [],
        }
        for number in range(1, count + 1)
    ]


def _drivers(node: dict[str, object], count: int, draw: random.Random) -> list[dict[str, object]]:
    return [
        {
            "reference": f"driver-{str(node['reference']).lower()}-{number:02}",
            "name": f"{draw.choice(FIRST_NAMES)} {draw.choice(LAST_NAMES)}",
            "carrier": "OWN",
            "vehicle": f"{node['reference']}-{number:02}",
            "phone": f"+3519130{draw.randrange(10_000):04}0",
            "skills": [],
            "shiftStartMinute": 510,
            "shiftEndMinute": 1_080,
        }
        for number in range(1, count + 1)
    ]


def _person(number: int, draw: random.Random) -> Person:
    first, last = draw.choice(FIRST_NAMES), draw.choice(LAST_NAMES)
    return Person(
        name=f"{first} {last}",
        phone=f"+35191{number % 10_000_000:07}",
        email=f"customer-{number}@example.com",
        locale=draw.choice(LOCALES),
        channels=list(draw.choice(CHANNELS)),
        absent_visits=draw.choices((0, 1, 3), weights=(93, 5, 2))[0],
        rates=draw.random() < 0.35,
        mood=min(1.0, max(0.0, draw.gauss(0.8, 0.2))),
    )


def _window(day: date, zone: ZoneInfo, draw: random.Random) -> dict[str, str]:
    start_hour, hours = draw.choices(((9, 9), (9, 4), (13, 4), (10, 2), (15, 2)), weights=(40, 25, 25, 5, 5))[0]
    start = datetime.combine(day, time(start_hour), zone)
    return {"start": start.isoformat(), "end": (start + timedelta(hours=hours)).isoformat()}


def _order(
    number: int, *, day: date, zone: ZoneInfo, products: list[dict[str, object]], draw: random.Random
) -> CityOrder:
    person = _person(number, draw)
    distance, angle = 7_000 * math.sqrt(draw.random()), draw.uniform(0, 2 * math.pi)
    latitude, longitude = offset(
        CENTRE, north_metres=distance * math.sin(angle), east_metres=distance * math.cos(angle)
    )
    chosen = draw.sample(products, draw.choices((1, 2, 3), weights=(70, 22, 8))[0])
    order: dict[str, object] = {
        "reference": f"SHOP-{number:05}",
        "recipient": {
            "name": person.name,
            "phone": person.phone,
            "email": person.email,
            "locale": person.locale,
            "channels": person.channels,
        },
        "address": {
            "line1": f"{draw.choice(STREETS)} {draw.randrange(1, 180)}",
            "city": "Lisboa",
            "postalCode": f"1{draw.randrange(1000):03}-{draw.randrange(1000):03}",
            "country": "PT",
            "location": {"latitude": latitude, "longitude": longitude},
        },
        "lines": [{"sku": product["sku"], "quantity": draw.choices((1, 2), weights=(85, 15))[0]} for product in chosen],
        "requestedWindow": _window(day, zone, draw),
        "proofRequirements": draw.choices(([], ["SIGNATURE"], ["PHOTO"], ["PIN"]), weights=(20, 30, 40, 10))[0],
        "priority": 50,
        "serviceSeconds": 120,
    }
    if draw.random() < 0.04:
        order["cashToCollect"] = {"amount": f"{draw.randrange(5, 90)}.50", "currency": "EUR"}
    return CityOrder(input=order, person=person)
