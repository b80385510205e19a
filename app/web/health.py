"""Whether this process lives, and whether it can serve: for load balancers and process managers."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Check = Callable[[], Awaitable[None]]


def health_routes(checks: Mapping[str, Check]) -> list[Route]:
    """`/health` answers while the process runs; `/ready` answers 503 while one of `checks` raises, and names it."""

    async def health(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(request: Request) -> Response:
        failures = {name: type(error).__name__ for name, check in checks.items() if (error := await _failure(check))}
        status = "unready" if failures else "ready"
        return JSONResponse({"status": status, "failures": failures}, status_code=503 if failures else 200)

    return [Route("/health", health, name="health"), Route("/ready", ready, name="ready")]


async def _failure(check: Check) -> Exception | None:
    try:
        await check()
    except Exception as error:  # whatever it is, the process is not ready
        return error
    return None
