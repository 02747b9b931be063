"""Looking up at Twilio whether it took a message whose answer was lost.

See "Read multiple Message resources" at twilio.com/docs/messaging/api/message-resource.

"It never took it" lets a message be sent again, so it is said only when the list holds nothing
from this sender around that time. Twilio may change the text that it was given (smart encoding,
redaction): one message there with other words leaves the question open.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from yarl import URL

from pipeline.policy.vocabulary import Channel
from pipeline.providers.base import CannotTell, Finding, Found, NotFound, Sought
from pipeline.providers.http import Answer, storable

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
    try:
        content = json.loads(answer.body.decode())
    except ValueError:
        return CannotTell("the look-up's answer is not JSON")
    match content:
        case {"messages": list(messages)} if all(isinstance(one, dict) for one in messages):
            pass
        case _:
            return CannotTell("the look-up's answer holds no list of messages")
    created = [_created(one) for one in messages]
    if None in created:
        return CannotTell("a listed message has no time")
    earliest, latest = sought.sent_after - SKEW, sought.sent_before + SKEW
    times = [moment for moment in created if moment is not None]
    if content.get("next_page_uri") and not any(moment < earliest for moment in times):
        return CannotTell(f"more than {PAGE} messages went to this person since")
    near = [
        one
        for one, moment in zip(messages, times, strict=True)
        if earliest <= moment <= latest and _is_from(one, sought)
    ]
    return _judge(sought, near)


def _judge(sought: Sought, near: list[Mapping[str, Any]]) -> Finding:
    """What the messages from the same sender around the same time say."""
    if not near:
        return NotFound()
    same = [one for one in near if one.get("body") == sought.body]
    if not same:
        return CannotTell("a message with other words went to this person at that time")
    sid = same[0].get("sid")
    if len(same) > 1:
        return CannotTell("several messages with the same words went to this person at that time")
    return Found(storable(sid)) if isinstance(sid, str) and sid else CannotTell("it has no id")


def _is_from(listed: Mapping[str, Any], sought: Sought) -> bool:
    if str(listed.get("direction", "")).startswith("inbound"):
        return False
    sender = str(listed.get("from") or "").removeprefix("whatsapp:")
    return sought.sender_address in (sender, listed.get("messaging_service_sid"))


def _created(listed: Mapping[str, Any]) -> datetime | None:
    """When Twilio took a message: in its lists an RFC 2822 date."""
    try:
        moment = parsedate_to_datetime(listed.get("date_created") or "")
    except (TypeError, ValueError):
        return None
    return moment.astimezone(UTC) if moment.tzinfo is not None else None
