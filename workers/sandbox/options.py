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
    GARBAGE = "garbage"
    """The status of a success, and a body that is not JSON."""
    HELD = "held"
    """No fault: WhatsApp keeps the message back to judge the template."""


Outcome = int | Fault
"""An error code of the provider, or a fault."""


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
    """

    latency_ms: float = 0.0
    jitter_ms: float = 0.0
    error_rate: float = 0.0
    error_code: Outcome = Fault.HTML
    rate_limit: int | None = None
    recipients: Mapping[str, Outcome] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("latency_ms", "jitter_ms"):
            _number(name, getattr(self, name), highest=3_600_000)
        _number("error_rate", self.error_rate, highest=1)
        _outcome("error_code", self.error_code)
        limit: object = self.rate_limit  # from JSON it may be anything
        if limit is not None and (type(limit) is not int or limit < 1):
            raise BehaviourError("rate_limit must be a whole number above 0, or null")
        recipients: object = self.recipients
        if not isinstance(recipients, Mapping):
            raise BehaviourError("recipients must be an object of number: code")
        for number, outcome in recipients.items():
            _outcome(f"recipients[{number}]", outcome)

    def changed(self, changes: Mapping[str, object]) -> "Behaviour":
        """This behaviour with some fields replaced.

        Raises:
            BehaviourError: a field that does not exist, or a value that it cannot have.
        """
        unknown = changes.keys() - Behaviour.__dataclass_fields__.keys()
        if unknown:
            raise BehaviourError(f"no such field: {', '.join(sorted(unknown))}")
        return replace(self, **changes)  # type: ignore[arg-type]

    def as_dict(self) -> dict[str, object]:
        """Every field, as JSON has it."""
        return {name: getattr(self, name) for name in Behaviour.__dataclass_fields__}


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxOptions:
    """How to start a sandbox.

    Attributes:
        clock: machine time in seconds since 1970; the log's times come from it.
        port: 0 lets the system choose a free one.
        log: the file that takes the log, emptied first; None: a temporary file.
        behaviour: how it begins.
    """

    clock: Callable[[], float]
    host: str = "127.0.0.1"
    port: int = 0
    log: Path | None = None
    behaviour: Behaviour = field(default_factory=Behaviour)


def _number(name: str, value: object, *, highest: float) -> None:
    if type(value) not in (int, float) or not 0 <= value <= highest:  # type: ignore[operator]
        raise BehaviourError(f"{name} must be a number from 0 to {highest}")


def _outcome(name: str, value: object) -> None:
    if type(value) is int and value >= 0:
        return
    if not isinstance(value, str) or value not in set(Fault):
        raise BehaviourError(f"{name} must be an error code or one of: {', '.join(Fault)}")
