"""Looking up at Twilio whether it took a message whose answer was lost.

See "Read multiple Message resources" at twilio.com/docs/messaging/api/message-resource.

"It never took it" ends a message as unsent, so it is said only when the list holds nothing from
this sender, and nothing with these words, around that time. Twilio may change the text that it was
given (smart encoding, redaction): one message there with other words leaves the question open.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from yarl import URL

from pipeline.policy.vocabulary import Channel
from pipeline.providers.base import CannotTell, Finding, Found, NotFound, Sought
from pipeline.providers.http import Answer
from pipeline.providers.untrusted import read_id

SKEW = timedelta(minutes=1)
"""How far Twilio's clock may be from ours; its times are whole seconds besides."""

PAGE = 100
"""Messages to one person that are looked at, the newest first."""

_OK = 200


def query(messages_url: URL, sought: Sought) -> URL:
    """The address that lists what went to a message's recipient.

    Not narrowed by ``DateSent``, which a message has only once it has left Twilio's queue: one
    that still waits there would not be seen.
    """
    prefix = "whatsapp:" if sought.channel is Channel.WHATSAPP else ""
    return messages_url.with_query({"To": prefix + sought.to, "PageSize": str(PAGE)})


def read_page(sought: Sought, answer: Answer) -> Finding:
    """What the list says about a message."""
    if answer.status != _OK:
        return CannotTell(f"the look-up was answered with HTTP {answer.status}")
    content = answer.json()
    match content:
        case {"messages": list(messages), **more} if all(isinstance(one, dict) for one in messages):
            pass
        case _:
            return CannotTell("the look-up's answer holds no list of messages")
    created = [_created(one) for one in messages]
    if None in created:
        return CannotTell("a listed message has no time")
    earliest, latest = sought.sent_after - SKEW, sought.sent_before + SKEW
    times = [moment for moment in created if moment is not None]
    if more.get("next_page_uri") and not any(moment < earliest for moment in times):
        return CannotTell(f"more than {PAGE} messages went to this person since")
    near = [
        one
        for one, moment in zip(messages, times, strict=True)
        if earliest <= moment <= latest and _may_be(one, sought)
    ]
    return _judge(sought, near)


def _judge(sought: Sought, near: list[Mapping[str, Any]]) -> Finding:
    """What the messages around the same time say that may be the one."""
    if not near:
        return NotFound()
    same = [one for one in near if one.get("body") == sought.body and _is_from(one, sought)]
    if not same:
        return CannotTell("a message much like it went to this person at that time")
    sid = read_id(same[0].get("sid"))
    if len(same) > 1:
        return CannotTell("several messages with the same words went to this person at that time")
    return CannotTell("it has no id") if sid is None else Found(sid)


def _may_be(listed: Mapping[str, Any], sought: Sought) -> bool:
    """Whether it is ours and has the sender or the words: Twilio may write either differently."""
    if str(listed.get("direction", "")).startswith("inbound"):
        return False
    return _is_from(listed, sought) or listed.get("body") == sought.body


def _is_from(listed: Mapping[str, Any], sought: Sought) -> bool:
    sender = str(listed.get("from") or "").removeprefix("whatsapp:")
    return sought.sender_address in (sender, listed.get("messaging_service_sid"))


def _created(listed: Mapping[str, Any]) -> datetime | None:
    """When Twilio took a message: in its lists an RFC 2822 date."""
    words = listed.get("date_created")
    try:
        moment = parsedate_to_datetime(words if isinstance(words, str) else "")
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
