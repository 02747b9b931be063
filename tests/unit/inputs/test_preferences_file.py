"""Preferences as people write them down."""

from collections.abc import Callable
from datetime import time
from pathlib import Path

import pytest

from pipeline.policy.preferences import Preference
from pipeline.policy.vocabulary import Channel
from workers.inputs.preferences_file import PreferenceRow, read_preferences
from workers.inputs.refusals import InputFileError, RefusedRow

HEADER = "to,business,channels,topics,hours\n"
SPAIN = "+34612345678,tienda,"

File = Callable[..., Path]


def read(file: File, cells: str) -> Preference:
    (row,) = read_preferences(file(HEADER + SPAIN + cells))
    assert isinstance(row, PreferenceRow), str(row)
    assert (row.number.e164, row.business) == ("+34612345678", "tienda")
    return row.preference


def test_channels_topics_and_hours_are_read(file: File) -> None:
    wish = read(file, "sms; WhatsApp,Ofertas;novedades ,monday-friday 09:00-12:00 16:00-24:00")
    assert wish.channels == frozenset({Channel.SMS, Channel.WHATSAPP})
    assert wish.topics == frozenset({"ofertas", "novedades"})
    spans = ((time(9), time(12)), (time(16), time.max))
    assert wish.hours == tuple((day, spans) for day in range(5))


@pytest.mark.parametrize(
    ("hours", "days"),
    [
        ("every-day 09:00-21:00", {*range(7)}),
        ("monday 09:00-12:00; saturday 10:00-12:00", {0, 5}),
        ("Monday 09:00-12:00,14:00-15:00; ", {0}),
    ],
)
def test_days_are_written_as_in_a_pack(file: File, hours: str, days: set[int]) -> None:
    wish = read(file, f',,"{hours}"')
    assert wish.hours is not None
    assert {day for day, _ in wish.hours} == days


def test_what_is_empty_is_no_wish(file: File) -> None:
    assert read(file, ",,") == Preference()


def test_ndjson_is_read(file: File) -> None:
    line = '{"to": "+34612345678", "business": "tienda", "channels": "sms"}'
    (row,) = read_preferences(file(line, "wishes.ndjson"))
    assert isinstance(row, PreferenceRow)
    assert row.preference == Preference(channels=frozenset({Channel.SMS}))


@pytest.mark.parametrize(
    ("cells", "field", "said"),
    [
        ("fax,,", "channels", "no channel"),
        (",,mondays 09:00-12:00", "hours", "is not a day"),
        (",,monday", "hours", "has no hours"),
        (",,monday 9-12", "hours", "09:00-20:00"),
        (",,monday 12:00-09:00", "hours", "before it opens"),
        (",,monday 09:00-12:00; every-day 10:00-11:00", "hours", "twice"),
        (f",{'x' * 101},", "topics", "100 characters"),
    ],
)
def test_a_row_that_cannot_be_used_is_refused_alone(
    file: File, cells: str, field: str, said: str
) -> None:
    refused, taken = read_preferences(file(f"{HEADER}{SPAIN}{cells}\n{SPAIN}sms,,"))
    assert isinstance(refused, RefusedRow)
    assert (refused.line, refused.field) == (2, field)
    assert said in refused.problem
    assert isinstance(taken, PreferenceRow)


def test_a_misspelt_column_refuses_the_file(file: File) -> None:
    with pytest.raises(InputFileError, match="did you mean channels"):
        list(read_preferences(file("to,business,chanels\n")))
