"""Messages and notices in doubt, for a reader and as JSON; numbers are masked."""

from datetime import datetime, timedelta
from typing import Any

from pipeline.store.doubts import Doubt
from pipeline.store.notice_doubts import NoticeDoubt
from workers.reports.masks import mask_number


def message_as_json(doubt: Doubt, now: datetime) -> dict[str, Any]:
    """A message in doubt; `now` is business time."""
    return {
        "kind": "message",
        "id": doubt.id,
        "campaign": doubt.campaign,
        "sender": doubt.sender,
        "account": doubt.account,
        "to": mask_number(doubt.phone),
        "since": doubt.since,
        "age_seconds": doubt.since and round((now - doubt.since).total_seconds(), 3),
        "attempt": doubt.attempt,
        "explanation": doubt.explanation,
        "looked_up": doubt.looked,
    }


def notice_as_json(doubt: NoticeDoubt, now: datetime) -> dict[str, Any]:
    """A notice in doubt: what a message has, and what it is about; `now` is business time."""
    return {
        "kind": doubt.kind.value,
        "id": doubt.id,
        "campaign": None,
        "sender": doubt.sender,
        "account": doubt.account,
        "to": mask_number(doubt.phone),
        "since": doubt.since,
        "age_seconds": round((now - doubt.since).total_seconds(), 3),
        "attempt": doubt.attempt,
        "explanation": doubt.code,
        "looked_up": 0,
        "business": doubt.business,
        "reply": doubt.reply,
        "deadline_at": doubt.deadline_at,
    }


def print_message(doubt: Doubt, now: datetime) -> None:
    """Print a message in doubt; `now` is business time."""
    since = "unknown" if doubt.since is None else _since(doubt.since, now)
    print(f"{doubt.id}  since {since}")
    print(
        f"  campaign {doubt.campaign}, sender {doubt.sender or '?'} ({doubt.account or '?'}), "
        f"to {mask_number(doubt.phone) or 'nobody known'}, attempt {doubt.attempt}, "
        f"looked up {doubt.looked} times"
    )
    print(f"  {doubt.explanation or 'nothing was written down'}")


def print_notice(doubt: NoticeDoubt, now: datetime) -> None:
    """Print a notice in doubt, with the option that settles it; `now` is business time."""
    due = "" if doubt.deadline_at is None else f", due {doubt.deadline_at:%Y-%m-%d %H:%M:%S} UTC"
    print(f"--notice {doubt.id}  since {_since(doubt.since, now)}{due}")
    print(
        f"  {doubt.kind.value} of {doubt.business} for reply {doubt.reply}, sender "
        f"{doubt.sender or '?'} ({doubt.account or '?'}), "
        f"to {mask_number(doubt.phone) or 'nobody known'}, attempt {doubt.attempt}"
    )
    print(f"  {doubt.code or 'nothing was written down'}")


def _since(moment: datetime, now: datetime) -> str:
    age = timedelta(seconds=round((now - moment).total_seconds()))
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC, {age} ago"
