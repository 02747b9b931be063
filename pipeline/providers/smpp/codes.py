"""What an SMSC's ``command_status`` calls for, and what the words of its receipts mean.

Source: SMPP 3.4, 5.1.3, table 5-2; a code's comment is the specification's description, then why
it is handled so. A status other than 0 says that the request failed: the SMSC has not taken the
message. Statuses from 0x400 to 0x4FF are each SMSC's own: one that is not in the table ends the
message, and is logged as unknown.
"""

from collections.abc import Mapping

from pipeline.providers.base import Action, Ambiguous, Rejected
from pipeline.providers.codes import CodeTable, Handling
from pipeline.providers.events import DeliveryStatus

OK = 0x00
INVALID_LENGTH = 0x02
INVALID_COMMAND_ID = 0x03
BIND_FAILED = 0x0D
QUEUE_FULL = 0x14
TEMPORARY_FAILURE = 0x64

_FAIL = Handling(Action.FAIL)
_HALT_ACCOUNT = Handling(Action.HALT_ACCOUNT)
_HALT_SENDER = Handling(Action.HALT_SENDER)
_AGAIN = Handling(Action.RETRY_LATER)
_FEW_TRIES = Handling(Action.RETRY_LATER, retry_after=2.0, tries=3, backoff=2.0)
_SLOWER = Handling(Action.SLOW_SENDER, retry_after=1.0)

NAMES: Mapping[int, str] = {
    0x01: "ESME_RINVMSGLEN",
    0x02: "ESME_RINVCMDLEN",
    0x03: "ESME_RINVCMDID",
    0x04: "ESME_RINVBNDSTS",
    0x05: "ESME_RALYBND",
    0x06: "ESME_RINVPRTFLG",
    0x07: "ESME_RINVREGDLVFLG",
    0x08: "ESME_RSYSERR",
    0x0A: "ESME_RINVSRCADR",
    0x0B: "ESME_RINVDSTADR",
    0x0C: "ESME_RINVMSGID",
    0x0D: "ESME_RBINDFAIL",
    0x0E: "ESME_RINVPASWD",
    0x0F: "ESME_RINVSYSID",
    0x14: "ESME_RMSGQFUL",
    0x15: "ESME_RINVSERTYP",
    0x43: "ESME_RINVESMCLASS",
    0x45: "ESME_RSUBMITFAIL",
    0x48: "ESME_RINVSRCTON",
    0x49: "ESME_RINVSRCNPI",
    0x50: "ESME_RINVDSTTON",
    0x51: "ESME_RINVDSTNPI",
    0x53: "ESME_RINVSYSTYP",
    0x54: "ESME_RINVREPFLAG",
    0x58: "ESME_RTHROTTLED",
    0x61: "ESME_RINVSCHED",
    0x62: "ESME_RINVEXPIRY",
    0x63: "ESME_RINVDFTMSGID",
    0x64: "ESME_RX_T_APPN",
    0x65: "ESME_RX_P_APPN",
    0x66: "ESME_RX_R_APPN",
    0xC0: "ESME_RINVOPTPARSTREAM",
    0xC1: "ESME_ROPTPARNOTALLWD",
    0xC2: "ESME_RINVPARLEN",
    0xC3: "ESME_RMISSINGOPTPARAM",
    0xC4: "ESME_RINVOPTPARAMVAL",
    0xFE: "ESME_RDELIVERYFAILURE",
    0xFF: "ESME_RUNKNOWNERR",
}

SUBMITS: CodeTable = {
    0x01: _FAIL,  # message length is invalid
    0x02: _FAIL,  # command length is invalid
    0x03: _HALT_ACCOUNT,  # invalid command id: it takes no submit_sm at all
    0x04: _AGAIN,  # incorrect bind status: the session has ended; the next one may do
    0x06: _FAIL,  # invalid priority flag
    0x07: _HALT_ACCOUNT,  # invalid registered delivery flag: every submit asks for a receipt
    0x08: _FEW_TRIES,  # system error: its own trouble; mostly brief
    0x0A: _HALT_SENDER,  # invalid source address: the account may not send as this sender
    0x0B: _FAIL,  # invalid destination address
    0x0C: _FAIL,  # message id is invalid
    0x14: _SLOWER,  # message queue full
    0x15: _HALT_ACCOUNT,  # invalid service type: every submit has the same
    0x43: _FAIL,  # invalid esm_class: it takes no texts in parts
    0x45: _FEW_TRIES,  # submit failed: it says no more
    0x48: _HALT_SENDER,  # invalid source address type of number
    0x49: _HALT_SENDER,  # invalid source address numbering plan
    0x50: _FAIL,  # invalid destination address type of number
    0x51: _FAIL,  # invalid destination address numbering plan
    0x54: _FAIL,  # invalid replace_if_present flag
    0x58: _SLOWER,  # throttling error: over the allowed rate
    0x61: _FAIL,  # invalid scheduled delivery time
    0x62: _FAIL,  # invalid validity period; without one it would leave outside its window
    0x63: _FAIL,  # predefined message invalid
    0x64: _FEW_TRIES,  # receiver temporary application error
    0x65: _FAIL,  # receiver permanent application error
    0x66: Handling(Action.FAIL_FILTERED, violation=True),  # receiver rejects the message
    0xC0: _FAIL,  # error in the optional part
    0xC1: _FAIL,  # optional parameter not allowed
    0xC2: _FAIL,  # invalid parameter length
    0xC3: _FAIL,  # expected optional parameter missing
    0xC4: _FAIL,  # invalid optional parameter value
    0xFE: _FAIL,  # delivery failure
    0xFF: Handling(Action.AMBIGUOUS),  # unknown error: it does not know itself
}

BINDS: CodeTable = {
    0x04: _AGAIN,  # incorrect bind status
    0x05: _AGAIN,  # already bound: it has not noticed yet that the last connection is gone
    0x08: _AGAIN,  # system error
    0x0D: _HALT_ACCOUNT,  # bind failed; `keeper.py` says so after a few in a row
    0x0E: _HALT_ACCOUNT,  # invalid password
    0x0F: _HALT_ACCOUNT,  # invalid system id
    0x14: _AGAIN,  # message queue full
    0x53: _HALT_ACCOUNT,  # invalid system type
    0x58: _AGAIN,  # throttling error: too many binds
}
"""Answers to a bind. Any other halts the account: nothing can be sent without a bind."""

STATES: Mapping[str, DeliveryStatus | None] = {
    "DELIVRD": DeliveryStatus.DELIVERED,
    "EXPIRED": DeliveryStatus.UNDELIVERED,
    "DELETED": DeliveryStatus.UNDELIVERED,
    "UNDELIV": DeliveryStatus.UNDELIVERED,
    "REJECTD": DeliveryStatus.UNDELIVERED,
    "ENROUTE": DeliveryStatus.SENT,
    "ACCEPTD": DeliveryStatus.SENT,
    "UNKNOWN": None,  # it has lost sight of the message: that is no evidence of anything
}
"""``stat`` of a receipt's text, appendix B. ACCEPTD: read by somebody of the provider's."""

MESSAGE_STATES: Mapping[int, str] = {
    1: "ENROUTE",
    2: "DELIVRD",
    3: "EXPIRED",
    4: "DELETED",
    5: "UNDELIV",
    6: "ACCEPTD",
    7: "UNKNOWN",
    8: "REJECTD",
}
"""The parameter ``message_state``, 5.2.28, in the words of a receipt's text."""


def name_of(status: int) -> str:
    """The specification's name of a status, else the number as it is written there."""
    return NAMES.get(status, f"0x{status:08X}")


def judge_submit(status: int, *, attempt: int) -> Rejected | Ambiguous:
    """What a refused submit means for its message.

    Args:
        attempt: which attempt of the message this was, from 1.
    """
    known = status in SUBMITS
    handling = SUBMITS.get(status, _FAIL)
    name = name_of(status)
    detail = "the SMSC refused the message"
    if handling.action is Action.AMBIGUOUS:
        return Ambiguous("the SMSC does not know what became of it", name, known)
    if handling.tries is not None and attempt >= handling.tries:
        return Rejected(Action.FAIL, name, detail, None, known, handling.violation)
    pause = handling.retry_after
    if pause is not None:
        pause *= handling.backoff ** (attempt - 1)
    return Rejected(handling.action, name, detail, pause, known, handling.violation)


def judge_bind(status: int) -> Rejected:
    """What a refused bind means for the messages that wait for it; none of them has left."""
    handling = BINDS.get(status, _HALT_ACCOUNT)
    known = status in BINDS
    return Rejected(handling.action, name_of(status), "the SMSC refused the bind", None, known)
