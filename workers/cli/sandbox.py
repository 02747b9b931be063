"""``recado sandbox``: the sandbox provider on this machine."""

import signal
from pathlib import Path
from typing import Annotated

import structlog
import typer

from workers.clock import machine_seconds
from workers.sandbox.options import (
    SANDBOX,
    Behaviour,
    BehaviourError,
    Fault,
    Outcome,
    SandboxOptions,
    WebhookAccount,
)
from workers.sandbox.server import run

logger = structlog.get_logger(__name__)


def sandbox(
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 picks a free port.")] = 8900,
    latency_ms: Annotated[float, typer.Option(min=0, help="How long an answer takes.")] = 0.0,
    jitter_ms: Annotated[float, typer.Option(min=0, help="How much that varies.")] = 0.0,
    error_rate: Annotated[
        float, typer.Option(min=0, max=1, help="Share of requests answered with --error-code.")
    ] = 0.0,
    error_code: Annotated[
        str, typer.Option(help=f"A provider's error code, or one of: {', '.join(Fault)}.")
    ] = "html",
    rate_limit: Annotated[
        int | None, typer.Option(min=1, help="Messages a second and sender; more get 429.")
    ] = None,
    log: Annotated[
        Path | None, typer.Option(help="File for the log of requests; it is emptied first.")
    ] = None,
    webhook_url: Annotated[
        str | None,
        typer.Option(metavar="BASE", help="Whom to call, e.g. http://127.0.0.1:8080."),
    ] = None,
    account: Annotated[str, typer.Option(help="The provider account's name there.")] = SANDBOX,
    auth_token: Annotated[str, typer.Option(help="Signs webhooks for SMS.")] = SANDBOX,
    app_secret: Annotated[str, typer.Option(help="Signs webhooks for WhatsApp.")] = SANDBOX,
    callbacks: Annotated[
        bool, typer.Option("--callbacks", help="Tell what became of messages.")
    ] = False,
    callback_delay_ms: Annotated[
        float, typer.Option(min=0, help="How long after its answer, and between two.")
    ] = 0.0,
) -> None:
    """Run the sandbox provider: answers like Twilio and the WhatsApp Cloud API, sends nothing."""
    webhooks = None
    if webhook_url is not None:
        webhooks = WebhookAccount(
            base_url=webhook_url, account=account, auth_token=auth_token, app_secret=app_secret
        )
    try:
        behaviour = Behaviour(
            latency_ms=latency_ms,
            jitter_ms=jitter_ms,
            error_rate=error_rate,
            error_code=_outcome(error_code),
            rate_limit=rate_limit,
            callbacks=callbacks,
            callback_delay_ms=callback_delay_ms,
        )
        options = SandboxOptions(
            clock=machine_seconds, port=port, log=log, behaviour=behaviour, webhooks=webhooks
        )
    except BehaviourError as error:
        raise typer.BadParameter(str(error)) from None
    _run(options)


def _run(options: SandboxOptions) -> None:
    # A stop by a supervisor ends it as Ctrl-C does: the log is written, the exit is clean.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        run(options, _announce)
    except OSError as error:
        logger.error("sandbox_not_started", port=options.port, error=str(error))  # noqa: TRY400 - a taken port needs no traceback
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        logger.info("sandbox_stopped")


def _outcome(text: str) -> Outcome:
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        return Fault(text)
    except ValueError:
        message = f"--error-code must be a number or one of: {', '.join(Fault)}"
        raise BehaviourError(message) from None


def _announce(address: str) -> None:
    # Flushed, because whoever started us waits for this line through a pipe.
    print(address, flush=True)
    logger.info("sandbox_started", address=address)
