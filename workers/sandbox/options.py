"""How the sandbox behaves: set at its start, changed while it runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path


class Fault(StrEnum):
    """Ways to answer badly. All but `HTML` happen *after* the message was taken."""

    HTML = "html"
    """500 with a page that is not JSON; the message was not taken."""
    HANG = "hang"
    """No answer, and the connection stays open."""
    CLOSE = "close"
    """The connection is closed before an answer."""
    TRUNCATE = "truncate"
    """The connection is closed in the middle of the answer."""
    DRIP = "drip"
    """The answer comes a byte at a time: `DRIP_SECONDS` between two, longer than anyone waits."""
    GARBAGE = "garbage"
    """The status of a success, and a body that is not JSON."""
    HELD = "held"
    """No fault: WhatsApp keeps the message back to judge the template."""
    PAUSED = "paused"
    """No fault: WhatsApp takes the message and does not deliver it: the template is paused."""


Outcome = int | Fault
"""An error code of the provider, or a fault."""


DRIP_SECONDS = 0.25


SANDBOX = "sandbox"
"""The name, and every secret, of the account for which nobody has chosen others."""

LATEST = 253_402_300_799
"""The last second of the year 9999, since 1970."""

WITHOUT_WEBHOOKS = "callbacks and replies need a webhook's address: start it with --webhook-url"


class BehaviourError(ValueError):
    """A behaviour that cannot be; the text names the field."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Behaviour:
    """What may be changed while the sandbox runs.

    Attributes:
        latency_ms: how long an answer takes.
        jitter_ms: how much longer or shorter it may take.
        error_rate: the share of requests, 0 to 1, that are answered with `error_code`; spread
            evenly, so 0.1 is exactly every tenth.
        error_code: that answer.
        rate_limit: messages that one sender may send within any second; more are refused with
            429 (Twilio 20429, WhatsApp 130429). None: no limit.
        recipients: E.164 numbers that are always answered in one way.
        callbacks: whether webhooks tell what became of the messages that were taken.
        callback_delay_ms: how long after the answer the first of them is due; the next one
            follows as long after it.
        late_failures: E.164 numbers whose messages are taken, and then fail with a code.
        user_ids: whether WhatsApp's answers tell its own id of the person.
        time_lapse: for a stack whose business clock is not the real one: every time that the
            provider tells is ``start + (machine time - origin) * speed``, the first two in
            seconds since 1970. None: the real time.
    """

    latency_ms: float = 0.0
    jitter_ms: float = 0.0
    error_rate: float = 0.0
    error_code: Outcome = Fault.HTML
    rate_limit: int | None = None
    recipients: Mapping[str, Outcome] = field(default_factory=dict)
    callbacks: bool = False
    callback_delay_ms: float = 0.0
    late_failures: Mapping[str, int] = field(default_factory=dict)
    user_ids: bool = False
    time_lapse: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        for name in ("latency_ms", "jitter_ms", "callback_delay_ms"):
            _number(name, getattr(self, name), highest=3_600_000)
        _number("error_rate", self.error_rate, highest=1)
        _outcome("error_code", self.error_code)
        limit: object = self.rate_limit  # from JSON it may be anything
        if limit is not None and (type(limit) is not int or limit < 1):
            raise BehaviourError("rate_limit must be a whole number above 0, or null")
        for name in ("callbacks", "user_ids"):
            if type(getattr(self, name)) is not bool:
                raise BehaviourError(f"{name} must be true or false")
        for number, outcome in _numbers("recipients", self.recipients).items():
            _outcome(f"recipients[{number}]", outcome)
        for number, code in _numbers("late_failures", self.late_failures).items():
            if type(code) is not int or code < 0:
                raise BehaviourError(f"late_failures[{number}] must be an error code")
        _time_lapse(self.time_lapse)

    def changed(self, changes: Mapping[str, object]) -> "Behaviour":
        """This behaviour with some fields replaced.

        Raises:
            BehaviourError: a field that does not exist, or a value that it cannot have.
        """
        unknown = changes.keys() - Behaviour.__dataclass_fields__.keys()
        if unknown:
            raise BehaviourError(f"no such field: {', '.join(sorted(unknown))}")
        return replace(self, **changes)  # type: ignore[arg-type]

    def told(self, at: float) -> float:
        """The provider's time at a machine time, both in seconds since 1970."""
        lapse = self.time_lapse
        return at if lapse is None else lapse["start"] + (at - lapse["origin"]) * lapse["speed"]

    def as_dict(self) -> dict[str, object]:
        """Every field, as JSON has it."""
        return {name: getattr(self, name) for name in Behaviour.__dataclass_fields__}


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookAccount:
    """Whom the sandbox calls, and how it signs.

    Attributes:
        base_url: of the webhooks, without a path: ``http://127.0.0.1:8080``.
        account: the name of the provider account there.
        auth_token: signs what is sent as Twilio.
        app_secret: signs what is sent as WhatsApp.
    """

    base_url: str
    account: str = SANDBOX
    auth_token: str = field(default=SANDBOX, repr=False)
    app_secret: str = field(default=SANDBOX, repr=False)

    def url(self, provider: str) -> str:
        """The webhook of the account for ``twilio`` or ``whatsapp``."""
        return f"{self.base_url.rstrip('/')}/webhooks/{provider}/{self.account}"


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxOptions:
    """How to start a sandbox.

    Attributes:
        clock: machine time in seconds since 1970; the log's times come from it.
        port: 0 lets the system choose a free one.
        log: the file that takes the log, emptied first; None: a temporary file.
        behaviour: how it begins.
        webhooks: whom it calls; None: nobody, so no callbacks and no replies.

    Raises:
        BehaviourError: callbacks, and nobody to call.
    """

    clock: Callable[[], float]
    host: str = "127.0.0.1"
    port: int = 0
    log: Path | None = None
    behaviour: Behaviour = field(default_factory=Behaviour)
    webhooks: WebhookAccount | None = None

    def __post_init__(self) -> None:
        if self.behaviour.callbacks and self.webhooks is None:
            raise BehaviourError(WITHOUT_WEBHOOKS)


def _numbers(name: str, value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise BehaviourError(f"{name} must be an object of number: code")
    return value


def _number(name: str, value: object, *, highest: float) -> None:
    if type(value) not in (int, float) or not 0 <= value <= highest:  # type: ignore[operator]
        raise BehaviourError(f"{name} must be a number from 0 to {highest}")


def _time_lapse(value: object) -> None:
    if value is None:
        return
    if not isinstance(value, Mapping) or value.keys() != {"start", "origin", "speed"}:
        raise BehaviourError("time_lapse must be null, or an object of start, origin and speed")
    for name, number in value.items():
        _number(f"time_lapse.{name}", number, highest=LATEST)


def _outcome(name: str, value: object) -> None:
    if type(value) is int and value >= 0:
        return
    if not isinstance(value, str) or value not in set(Fault):
        raise BehaviourError(f"{name} must be an error code or one of: {', '.join(Fault)}")
