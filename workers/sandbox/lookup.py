"""Twilio's look-up of messages that it took, from the sandbox's log.

See "Read multiple Message resources" at twilio.com/docs/messaging/api/message-resource.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote_plus, urlencode

from workers.sandbox.options import Behaviour
from workers.sandbox.requestlog import RequestLog

_PAGE = 50
_LARGEST_PAGE = 1000
_LINE_DIGITS = 16
_SID = "SM"


def provider_id(prefix: str, run: str, line: int) -> str:
    """The id of the message in a line of the log.

    Args:
        prefix: what ids of its channel begin with.
        run: 16 digits that tell this sandbox's ids from those before a restart.
        line: its number.
    """
    return f"{prefix}{run}{line:016x}"


class MessageLookup:
    """Answers Twilio's two look-ups.

    Args:
        log: what the sandbox was asked.
    """

    def __init__(self, log: RequestLog) -> None:
        self._log = log

    def message(self, account: str, sid: str, behaviour: Behaviour) -> dict[str, Any] | None:
        """One message; None: the sandbox took none of this id as Twilio.

        Args:
            account: as it stands in the address.
            sid: the message's id.
            behaviour: of the moment; it has late failures and the provider's time.
        """
        try:
            entry = self._log.entry(int(sid[-_LINE_DIGITS:], 16))
        except ValueError:
            return None
        if entry is None or entry["provider_id"] != sid or not sid.startswith(_SID):
            return None
        return _resource(account, entry, behaviour)

    def messages(
        self, account: str, query: Mapping[str, Sequence[str]], behaviour: Behaviour
    ) -> dict[str, Any] | None:
        """A page of the messages to one number, the newest first; None: a wrong query.

        Args:
            account: as it stands in the address.
            query: ``To``, and optionally ``From``, ``PageSize`` and ``Page``, from 0.
            behaviour: as in `message`.
        """
        wanted = {name: values[0] for name, values in query.items()}
        size, page = wanted.get("PageSize", str(_PAGE)), wanted.get("Page", "0")
        if "To" not in wanted or not (_is_number(size) and _is_number(page) and int(size)):
            return None
        sender = wanted.get("From")
        channel, _, to = wanted["To"].rpartition(":")
        entries = [
            entry
            for entry in reversed(self._log.entries_to(to))
            if entry["channel"] == (channel or "sms")
            and (entry["provider_id"] or "").startswith(_SID)
            and (sender is None or entry["sender"] == sender)
        ]
        first = int(page) * min(int(size), _LARGEST_PAGE)
        after = first + min(int(size), _LARGEST_PAGE)
        path = f"/2010-04-01/Accounts/{account}/Messages.json"
        following = f"{path}?{urlencode(wanted | {'Page': str(int(page) + 1)})}"
        return {
            "messages": [_resource(account, entry, behaviour) for entry in entries[first:after]],
            "page": int(page),
            "page_size": after - first,
            "first_page_uri": f"{path}?{urlencode(wanted | {'Page': '0'})}",
            "next_page_uri": following if after < len(entries) else None,
            "uri": f"{path}?{urlencode(wanted)}",
        }


def _is_number(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) <= 6  # noqa: PLR2004 - a page's number


def _resource(account: str, entry: Mapping[str, Any], behaviour: Behaviour) -> dict[str, Any]:
    code = behaviour.late_failures.get(entry["to"])
    prefix = "" if entry["channel"] == "sms" else f"{entry['channel']}:"
    sender, service = prefix + entry["sender"], None
    if entry["sender"].startswith("MG"):
        sender, service = None, entry["sender"]
    at = format_datetime(datetime.fromtimestamp(behaviour.told(entry["at"]), UTC))
    return {
        "sid": entry["provider_id"],
        "account_sid": account,
        "to": prefix + entry["to"],
        "body": unquote_plus(entry["text"]),
        "from": sender,
        "messaging_service_sid": service,
        "direction": "outbound-api",
        "status": "delivered" if code is None else "failed",
        "error_code": code,
        "date_created": at,
        "date_sent": at,
        "uri": f"/2010-04-01/Accounts/{account}/Messages/{entry['provider_id']}.json",
    }
