"""Where a driver's phone PUTs proof files, and where whoever was given a signed address reads them.

The address carries the leave; nothing else is asked for. Leaves out a bucket's own addresses, which never come here.
"""

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.core import clock
from app.core.blobs import UPLOADS_PATH, BlobStore, PutGrant, verify_get, verify_put
from app.core.database import Database
from app.core.errors import Refusal
from app.orchestration.uploads import operations, policies

STATUS = {
    "UPLOAD_ADDRESS_INVALID": 403,
    "UPLOAD_ADDRESS_EXPIRED": 410,
    "UPLOAD_TOO_LARGE": 413,
    "CONTENT_TYPE_MISMATCH": 415,
    "UPLOAD_TYPE_MISMATCH": 415,
    "UPLOAD_SIZE_MISMATCH": 422,
    "UPLOAD_HASH_MISMATCH": 422,
    "NOT_FOUND": 404,
}
# A file is shown, never run: no page of ours may be made of it.
SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, max-age=300",
    "Content-Disposition": "inline",
    "Referrer-Policy": "no-referrer",
}

log = structlog.get_logger("doorstep.uploads")


def upload_routes(*, database: Database, blobs: BlobStore) -> list[Route]:
    """PUT and GET of signed addresses."""

    async def handle(request: Request) -> Response:
        take = _put if request.method == "PUT" else _get
        try:
            return await take(request, database, blobs)
        except Refusal as refusal:
            error = {"code": refusal.code, "message": refusal.message}
            return JSONResponse({"errors": [error]}, status_code=STATUS.get(refusal.code, 400))

    return [Route(UPLOADS_PATH + "{key:path}", handle, methods=["PUT", "GET"], name="uploads")]


async def _put(request: Request, database: Database, blobs: BlobStore) -> Response:
    """Takes the announced file. The same file again is answered alike; the first answer is 201, later ones 200."""
    key = request.path_params["key"]
    grant = verify_put(key=key, query=request.query_params, secret=blobs.secret, now=clock.wall_now())
    _check_content_type(request.headers.get("content-type", ""), grant)
    contents = await _body(request, grant)
    grant.check(contents)
    policies.check_type(contents, grant.content_type)
    is_new = await blobs.size_bytes(key) is None
    if is_new:
        await blobs.put(key, contents)
    await _received(database, key)
    log.info("upload.received", key=key, bytes=len(contents), is_new=is_new)
    return JSONResponse({"sha256": grant.sha256, "bytes": grant.size_bytes}, status_code=201 if is_new else 200)


async def _get(request: Request, database: Database, blobs: BlobStore) -> Response:
    key = request.path_params["key"]
    grant = verify_get(key=key, query=request.query_params, secret=blobs.secret, now=clock.wall_now())
    return Response(await blobs.get(key), media_type=grant.content_type, headers=SAFE_HEADERS)


async def _received(database: Database, key: str) -> None:
    upload_id = operations.id_of(key)
    await database.run(lambda session: operations.receive(session, upload_id=upload_id, now=clock.now()))


def _check_content_type(given: str, grant: PutGrant) -> None:
    if given.partition(";")[0].strip().lower() != grant.content_type:
        raise Refusal(
            "CONTENT_TYPE_MISMATCH",
            f"The file comes as {given[:80]!r}, but {grant.content_type} was announced."
            " Send the headers that the upload names.",
        )


async def _body(request: Request, grant: PutGrant) -> bytes:
    """The file; reading stops as soon as it is larger than announced."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > grant.size_bytes:
            raise Refusal(
                "UPLOAD_TOO_LARGE", f"The file is larger than the {grant.size_bytes} bytes that were announced."
            )
        parts.append(part)
    return b"".join(parts)


__all__ = ["upload_routes"]
