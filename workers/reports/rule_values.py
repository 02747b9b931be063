"""The value of a rule in words, for people who read no TOML."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from config.packs.fields import EVERY_DAY, parse_duration
from pipeline.policy.country import Rule

_DURATIONS = ("within", "period", "after")


def value_in_words(rule: Rule) -> str:
    """What the rule's parameters say, in one line; empty: it has none."""
    special = _SPECIAL.get(rule.kind)
    if special is not None:
        return special(rule.value)
    return "; ".join(_entry(name, value) for name, value in rule.value.items())


def duration_in_words(written: str) -> str:
    """A duration of a pack, e.g. ``P31D``: "31 days"."""
    length = parse_duration(written)
    day, hour = timedelta(days=1), timedelta(hours=1)
    if length > day and length % day == timedelta(0):
        return f"{length // day} days"
    if length % hour == timedelta(0):
        return _counted(length // hour, "hour")
    return _counted(length // timedelta(minutes=1), "minute")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _entry(name: str, value: object) -> str:
    words = name.replace("_", " ")
    if isinstance(value, bool):
        return words if value else f"not {words}"
    if name in _DURATIONS and isinstance(value, str):
        return f"{words}: {duration_in_words(value)}"
    return f"{words}: {_plain(value)}"


def _plain(value: object) -> str:
    match value:
        case int() | float():
            return f"{value:,}"
        case list():
            return ", ".join(_plain(each) for each in value)
        case Mapping():
            return "; ".join(f"{key}: {_plain(each)}" for key, each in value.items())
        case _:
            return str(value)


def _window(value: Mapping[str, Any]) -> str:
    if value.get("always_open"):
        return "always open"
    hours = "; ".join(f"{_days(days)} {', '.join(spans)}" for days, spans in value["hours"].items())
    return f"{hours}; closed on public holidays" if value.get("closed_on_holidays") else hours


def _days(written: str) -> str:
    if written == EVERY_DAY:
        return "every day"
    return " to ".join(day.capitalize() for day in written.split("-"))


def _cap(value: Mapping[str, Any]) -> str:
    if value.get("unlimited"):
        return "no limit"
    return f"at most {value['limit']:,} in {duration_in_words(value['period'])}"


def _quota(value: Mapping[str, Any]) -> str:
    months = value.get("promotion_after_months")
    since = f", once approved for {_counted(months, 'month')}" if months else ""
    return f"tier {value['tier']}{since}: {_cap(value)}"


def _holiday_cap(value: Mapping[str, Any]) -> str:
    return f"at most {value['limit']:,} on a public holiday"


def _threshold(value: Mapping[str, Any]) -> str:
    measure = value["measure"].replace("_", " ")
    percent = value.get("above_percent")
    limit = f"{percent} %" if percent is not None else f"{value['above_count']:,}"
    warned = value.get("warn_above_percent")
    sample = value.get("minimum_sample")
    return "".join(
        (
            f"{measure} above {limit} within {duration_in_words(value['within'])}",
            "" if sample is None else f", from {sample:,} messages on",
            "" if warned is None else f"; warning above {warned} %",
        )
    )


def _block_list(value: Mapping[str, Any]) -> str:
    after = value.get("after")
    since = f", {duration_in_words(after)} after a number's listing" if after else ""
    return f"list {value['list']}{since}"


_SPECIAL: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "window": _window,
    "preferred_hours": _window,
    "cap": _cap,
    "quota": _quota,
    "holiday_cap": _holiday_cap,
    "threshold": _threshold,
    "block_list": _block_list,
}
