"""What is decided for one recipient, and how it is written down."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pipeline.policy.checks import Check
from pipeline.policy.content.segments import Segments
from pipeline.policy.vocabulary import Outcome, Reason
from pipeline.store.senders import Sender
from workers.simulation.addressees import Addressee
from workers.simulation.lanes import Lane


@dataclass(frozen=True, kw_only=True, slots=True)
class Ruling:
    """The decision about one recipient.

    Attributes:
        not_before: of a deferral, the first instant at which every rule allows it; None: only a
            person can tell.
        checks: every question that was asked, in the public order.
        segments: of an SMS that is not blocked.
        sender: through which it would leave; None: none is known.
        lane: when it could leave; None: it is blocked before anybody asks.
    """

    addressee: Addressee
    outcome: Outcome
    reason: Reason | None = None
    rule: str | None = None
    not_before: datetime | None = None
    checks: Sequence[Check] = ()
    segments: Segments | None = None
    sender: Sender | None = None
    lane: Lane | None = None


def as_line(ruling: Ruling) -> str:
    """The ruling as one line of NDJSON."""
    one = ruling.addressee
    told: dict[str, object] = {
        "id": one.id,
        "to": one.to,
        "country": None if one.number is None else one.number.country,
        "zones": one.zones,
        "outcome": ruling.outcome.value,
        "reason": ruling.reason,
        "rule": ruling.rule,
        "not_before": None if ruling.not_before is None else written(ruling.not_before),
    }
    if ruling.segments is not None:
        told["segments"] = _segments(ruling.segments)
    checks = ", ".join(map(_check, ruling.checks))
    return f'{_encode(told)[:-1]}, "checks": [{checks}]}}'


def written(moment: datetime) -> str:
    """An instant as it stands in the output: ISO 8601 in UTC, ending in ``Z``."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode


def _segments(segments: Segments) -> Mapping[str, object]:
    return {
        "encoding": segments.encoding.value,
        "units": segments.units,
        "segments": segments.segments,
    }


_texts: dict[int, tuple[Check, str]] = {}
"""Most checks are the same object for thousands of recipients: id → the check and its text."""

_MOST_TEXTS = 4096


def _check(check: Check) -> str:
    known = _texts.get(id(check))
    if known is not None:  # it is the same one: what is kept here keeps its id
        return known[1]
    if len(_texts) >= _MOST_TEXTS:
        _texts.clear()
    text = _encode(_as_json(check))
    _texts[id(check)] = (check, text)
    return text


def _as_json(check: Check) -> dict[str, object]:
    told: dict[str, object] = {
        "rule": check.rule,
        "outcome": check.outcome.value,
        "question": check.question.value,
    }
    if check.reason is not None:
        told["reason"] = check.reason.value
    if check.until is not None:
        told["until"] = written(check.until)
    if check.saw:
        told["saw"] = dict(check.saw)
    return told
