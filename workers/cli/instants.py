"""Instants as an operator writes them on the command line."""

import re
from datetime import datetime, timedelta

from workers.cli.output import UNUSABLE, CommandError
from workers.inputs.refusals import FieldError
from workers.inputs.values import Fields

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def read_instant(option: str, written: str, *, end_of_day: bool = False) -> datetime:
    """An instant in UTC: ISO 8601 with an offset, or a day, which is one of UTC.

    Args:
        option: how the option is called, for the error.
        end_of_day: a day means its end, so that the day itself belongs to what ends there.

    Raises:
        CommandError: it is neither; the line says how to write it.
    """
    text = written.strip()
    day = _DAY.fullmatch(text) is not None
    try:
        instant = Fields({option: f"{text}T00:00:00+00:00" if day else text}).instant(option)
    except FieldError as error:
        raise CommandError(str(error), exit_code=UNUSABLE) from None
    if instant is None:
        raise CommandError(f"{option} is empty; write it as 2026-11-27", exit_code=UNUSABLE)
    return instant + timedelta(days=1) if day and end_of_day else instant
