"""Preferences: CSV or NDJSON, ``to, business, channels, topics, hours``."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from config.packs.fields import parse_hours
from pipeline.policy.numbers import NumberFacts
from pipeline.policy.preferences import Preference, WeeklyHours
from pipeline.policy.vocabulary import Channel
from workers.inputs.lines import Line
from workers.inputs.refusals import RefusedRow, near_name
from workers.inputs.rows import read_rows
from workers.inputs.values import Fields

COLUMNS = ("to", "business", "channels", "topics", "hours")
REQUIRED = ("to", "business")

MAX_TEXT = 4000
MAX_TOPICS = 100
MAX_TOPIC_LENGTH = 100
_EXAMPLE = "write it as monday-friday 09:00-12:00; saturday 10:00-12:00"


@dataclass(frozen=True, kw_only=True, slots=True)
class PreferenceRow:
    """What a person wants of a business; a preference without any wish takes back the last one."""

    line: int
    number: NumberFacts
    business: str
    preference: Preference


def read_preferences(path: Path) -> Iterator[PreferenceRow | RefusedRow]:
    """The rows of a file, and those that cannot be used.

    Raises:
        InputFileError: the file or its header cannot be used.
    """
    return read_rows(path, _row, required=REQUIRED, known=COLUMNS)


def _row(line: Line) -> PreferenceRow:
    fields = Fields(line.values)
    fields.refuse_others(COLUMNS)
    return PreferenceRow(
        line=line.number,
        number=fields.phone("to"),
        business=fields.required_text("business", "loja-azul", most=64),
        preference=Preference(
            channels=_channels(fields), topics=_topics(fields), hours=_hours(fields)
        ),
    )


def _channels(fields: Fields) -> frozenset[Channel] | None:
    known = {channel.value: channel for channel in Channel}
    names = _listed(fields, "channels")
    for name in names:
        if name not in known:
            problem = f"names {name[:40]!r}, which is no channel; {near_name(name, known)}"
            raise fields.error("channels", problem)
    return frozenset(known[name] for name in names) or None


def _topics(fields: Fields) -> frozenset[str] | None:
    topics = frozenset(_listed(fields, "topics"))
    if len(topics) > MAX_TOPICS or any(len(topic) > MAX_TOPIC_LENGTH for topic in topics):
        problem = f"has over {MAX_TOPICS} topics, or one of over {MAX_TOPIC_LENGTH} characters"
        raise fields.error("topics", problem)
    return topics or None


def _listed(fields: Fields, name: str) -> list[str]:
    written = (fields.text(name, most=MAX_TEXT) or "").split(";")
    return [one for part in written if (one := part.strip().casefold())]


def _hours(fields: Fields) -> WeeklyHours | None:
    """``monday-friday 09:00-12:00 14:00-18:00; saturday 10:00-12:00``, as in a pack."""
    spans: dict[str, list[str]] = {}
    for part in _listed(fields, "hours"):
        days, *hours = re.split(r"[\s,]+", part)
        if not hours:
            raise fields.error("hours", f"{part[:40]!r} has no hours; {_EXAMPLE}")
        spans.setdefault(days, []).extend(hours)
    try:
        return tuple(sorted(parse_hours(spans).items())) or None
    except ValueError as error:
        raise fields.error("hours", f"cannot be read: {error}") from None
