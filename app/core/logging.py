"""Log lines as JSON on standard error, each with what is bound to its request or job. Knows no request itself."""

import logging
import sys

import structlog
from structlog.typing import Processor

SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
)

# Libraries that tell at INFO what our own lines tell already.
QUIET = ("arq", "httpx", "uvicorn.access", "asyncio", "websockets", "twilio.http_client")


def configure(*, level: str = "INFO") -> None:
    """Sends our own lines and those of every library through one JSON formatter. Calling it again changes the level."""
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=SHARED,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer()],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        library = logging.getLogger(name)
        library.handlers, library.propagate = [], True
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def bind(**values: str) -> None:
    """Adds values to every line of the current request or job."""
    structlog.contextvars.bind_contextvars(**values)


def clear() -> None:
    """Forgets what was bound, at the start of a request or job."""
    structlog.contextvars.clear_contextvars()
