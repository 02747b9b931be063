"""``recado status``: what runs, what waits, how fast it goes."""

import time
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from workers.cli.output import AsJson, print_json
from workers.cli.session import session
from workers.reports.obstacles import expected_roles
from workers.reports.situation import Situation, read_situation

EVERY_SECONDS = 2.0
_MEGABYTE = 1024 * 1024
_CLEAR = "\x1b[H\x1b[2J"


def status(
    *,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show it again every two seconds, until Ctrl-C.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Streams, queues, messages by state, senders, throughput, and which processes run."""
    with session("recado-status") as runtime:
        while True:
            began = time.monotonic()
            situation = read_situation(runtime)
            if as_json:
                print_json(asdict(situation))
            else:
                text = "\n".join(_lines(situation, expected_roles(runtime.settings)))
                print(_CLEAR + text if watch else text, flush=True)
            if not watch:
                return
            took = time.monotonic() - began
            time.sleep(max(EVERY_SECONDS, 10 * took))


def _lines(situation: Situation, expected: list[str]) -> list[str]:
    store = situation.store
    lag = "unknown" if situation.stream_lag is None else f"{situation.stream_lag:,}"
    limit = situation.memory_limit
    share = f" of {limit / _MEGABYTE:,.0f}" if limit else ""
    stream = (
        f"{situation.stream_entries:,} entries, lag {lag}, {situation.stream_pending:,} being "
        f"taken in, {situation.dead_letters:,} dead letters"
    )
    about = " (those at their ends: about)" if store.states_estimated else ""
    lines = [
        f"business time  {situation.now:%Y-%m-%d %H:%M:%S} UTC",
        f"processes      {_counts(situation.roles) or 'none'}",
        f"missing        {', '.join(_missing(situation, expected)) or 'none'}",
        f"stream         {stream}",
        f"queues         {_counts(situation.queues)} (chunks)",
        f"Redis memory   {situation.memory / _MEGABYTE:,.1f}{share} MiB",
        f"messages       {_counts(store.states) or 'none'}{about}",
        f"sent           {situation.sent_per_second:,.1f} a second over the last minute",
    ]
    if store.oldest_moving_at is not None:
        lines.append(f"oldest moving  since {store.oldest_moving_at:%Y-%m-%d %H:%M:%S} UTC")
    lines += _lane(situation) + _unclear(situation)
    for rest in store.resting:
        how = f"{rest.reason}, {rest.failures} in a row"
        lines.append(f"account        {rest.account} rests ({how}): {rest.detail}")
    for sender in store.senders:
        why = f" ({sender.state_reason})" if sender.state_reason else ""
        slowed = situation.slowed.get(sender.code)
        slower = "" if slowed is None else f" (slowed to {slowed:.3g}/s)"
        lines.append(
            f"sender         {sender.code}: {sender.state}{why}, "
            f"{sender.rate_per_second:g}/s{slower}, {sender.ready:,} ready, "
            f"{sender.handed:,} handed out"
        )
    return lines


def _lane(situation: Situation) -> list[str]:
    store = situation.store
    oldest = _age(situation, store.oldest_opt_out_at)
    late = f"{store.opt_outs_past_half:,} past half of the deadline"
    broken = f"{store.opt_outs_past_deadline:,} past all of it"
    replies = f"{store.replies_waiting:,} for the lane{_age(situation, store.oldest_reply_at)}"
    reviews = f"{store.reviews_waiting:,} for a person{_age(situation, store.oldest_review_at)}"
    return [
        f"opt-out clock  {store.opt_outs_open:,} open{oldest}, {late}, {broken}",
        f"replies        {replies}; {reviews}",
    ]


def _unclear(situation: Situation) -> list[str]:
    store = situation.store
    return [
        f"in doubt       {store.in_doubt:,}{_age(situation, store.oldest_doubt_at)}",
        f"set aside      {store.set_aside:,}",
    ]


def _age(situation: Situation, oldest: datetime | None) -> str:
    if oldest is None:
        return ""
    return f" (the oldest for {(situation.now - oldest).total_seconds():,.1f} s)"


def _counts(amounts: dict[str, int]) -> str:
    return ", ".join(f"{name} {amount:,}" for name, amount in amounts.items())


def _missing(situation: Situation, expected: list[str]) -> list[str]:
    return [role for role in expected if role not in situation.roles]
