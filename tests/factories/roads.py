"""A road server on a real socket: a grid where every way is twice the straight line, at ten metres a second."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from app.core.geo import Point, great_circle_metres

FACTOR, METRES_PER_SECOND = 2.0, 10.0


@dataclass
class RoadServer:
    """What was asked, and how it answers: `failures` says how many requests get a 503 first."""

    url: str = ""
    requests: list[tuple[int, int]] = field(default_factory=list)
    failures: int = 0
    most_places: int = 100
    island: Point | None = None

    def answer(self, path: str) -> tuple[int, object]:
        parts = urlsplit(path)
        places = [_point(text) for text in parts.path.rpartition("/")[2].split(";")]
        query = parse_qs(parts.query)
        sources, destinations = (
            [places[int(at)] for at in query[name][0].split(";")] for name in ("sources", "destinations")
        )
        self.requests.append((len(sources), len(destinations)))
        if self.failures:
            self.failures -= 1
            return 503, {"code": "Busy"}
        if len(places) > self.most_places:
            return 400, {"code": "TooBig", "message": "Too many table coordinates"}
        metres = [[self._metres(start, end) for end in destinations] for start in sources]
        seconds = [[None if value is None else value / METRES_PER_SECOND for value in row] for row in metres]
        return 200, {"code": "Ok", "distances": metres, "durations": seconds}

    def _metres(self, start: Point, end: Point) -> float | None:
        if start != end and self.island in (start, end):
            return None
        return FACTOR * great_circle_metres(start, end)


def _point(text: str) -> Point:
    longitude, latitude = text.split(",")
    return Point(latitude=float(latitude), longitude=float(longitude))


@contextmanager
def road_server() -> Iterator[RoadServer]:
    """Serves for as long as the block lasts."""
    told = RoadServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, body = told.answer(self.path)
            words = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(words)))
            self.end_headers()
            self.wfile.write(words)

        def log_message(self, format: str, *args: object) -> None:
            return None

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        told.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield told
        server.shutdown()
        thread.join()
