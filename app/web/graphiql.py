"""GraphiQL, from files of our own: a page to try the schema that needs no other host. Leaves out the endpoint itself.

The page takes a bearer token from its input or from `#token=...` in its address (a fragment never reaches a server).
It sends it as the `Authorization` header of each POST, and as `Authorization` in each subscription's `connection_init`.
The vendored files and their versions are listed in static/graphiql/VENDORED.md.
"""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from app.web.pages import CheckedFiles, private_page

GRAPHIQL_FILES = Path(__file__).parent / "static" / "graphiql"

# GraphiQL's editor and menus write style elements, and its stylesheet carries its fonts as data.
GRAPHIQL_CONTENT_POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "font-src data:",
    "img-src 'self' data:",
    "connect-src 'self'",
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
)


async def graphiql_page(request: Request) -> Response:
    """The page. It needs no token to load: what it may read is decided by the endpoint."""
    return private_page(GRAPHIQL_FILES / "index.html", content_policy=GRAPHIQL_CONTENT_POLICY)


graphiql_routes = [
    Route("/graphiql", graphiql_page, name="graphiql"),
    Mount("/static/graphiql", CheckedFiles(directory=GRAPHIQL_FILES), name="graphiql_files"),
]
