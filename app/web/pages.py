"""The customer's tracking page and its files. Leaves out all data: the page asks the GraphQL endpoint for that itself.

The token stands in the address, so the page is never cached, never indexed, never framed, and sends no referrer.
"""

from http import HTTPStatus
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

TRACKING_FILES = Path(__file__).parents[2] / "clients" / "tracking"

# A machine's own table of types may lack these or differ, and a browser runs no module of another type.
FILE_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".graphql": "application/graphql; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}

TRACKING_CONTENT_POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
)


def private_page(file: Path, *, content_policy: tuple[str, ...]) -> Response:
    """An HTML file that no cache keeps and no other site frames or learns of, and that loads only what is named."""
    return FileResponse(
        file,
        media_type="text/html; charset=utf-8",
        headers={
            "Cache-Control": "no-store",
            "Content-Security-Policy": "; ".join(content_policy),
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "X-Robots-Tag": "noindex, nofollow",
        },
    )


class CheckedFiles(StaticFiles):
    """Static files that a browser keeps, but asks after before each use, so that a new release is seen at once."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, or 304 where the browser's copy is still the newest."""
        response = await super().get_response(path, scope)
        file_type = FILE_TYPES.get(Path(path).suffix)
        if file_type and response.status_code == HTTPStatus.OK:
            response.headers["Content-Type"] = file_type
        response.headers["Cache-Control"] = "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


async def tracking_page(request: Request) -> Response:
    """The same page for every token: it tells a guessed token from a real one only by what it is allowed to read."""
    return private_page(TRACKING_FILES / "index.html", content_policy=TRACKING_CONTENT_POLICY)


page_routes = [
    Route("/track/{token}", tracking_page, name="tracking_page"),
    Mount("/static/tracking", CheckedFiles(directory=TRACKING_FILES), name="tracking_files"),
]
