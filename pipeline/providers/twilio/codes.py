"""What Twilio's error codes call for.

Source: Twilio's "Error and warning dictionary" (twilio.com/docs/api/errors). Where it leaves it
open whether a message was sent, the entry is `Action.AMBIGUOUS`.
"""

from pipeline.providers.base import Action
from pipeline.providers.codes import CodeTable, Handling

_HOUR = 3600.0
_FAIL = Handling(Action.FAIL)
_HALT_ACCOUNT = Handling(Action.HALT_ACCOUNT)
_SLOW_SENDER = Handling(Action.SLOW_SENDER)
_SUPPRESS = Handling(Action.SUPPRESS)
_FEW_TRIES = Handling(Action.RETRY_LATER, tries=3)
_FILTERED = Handling(Action.FAIL_FILTERED, violation=True)
_HALT_SENDER_VIOLATION = Handling(Action.HALT_SENDER, violation=True)

TWILIO: CodeTable = {
    14107: _FAIL,  # too many replies in TwiML: never answers a send
    20003: _HALT_ACCOUNT,  # authentication
    20429: Handling(Action.RETRY_LATER),  # too many at once: documented as never processed
    20500: Handling(Action.AMBIGUOUS),  # internal error; a POST of a message is not idempotent
    20503: _FEW_TRIES,  # unavailable
    21211: _FAIL,  # number
    21217: _FAIL,  # number
    21408: Handling(Action.HALT_DESTINATION),  # the country is switched off in the account
    21610: _SUPPRESS,  # opted out, or the number was given to somebody else
    21611: _SLOW_SENDER,  # the sender's queue is full
    21614: _FAIL,  # not a mobile
    30001: _SLOW_SENDER,  # queue overflow
    30002: _HALT_ACCOUNT,  # account suspended
    30003: Handling(Action.SLOW_RECIPIENT, 2 * _HOUR, tries=2),  # handset unreachable
    30004: _FAIL,  # blocked
    30005: _FAIL,  # number unknown
    30006: _FAIL,  # landline or carrier out of reach
    30007: _FILTERED,  # filtered by a carrier
    30008: Handling(Action.RETRY_LATER, tries=2),  # unknown: once more
    30022: _SLOW_SENDER,  # the carrier's rate for the campaign
    30032: _HALT_SENDER_VIOLATION,  # toll-free number not verified
    30034: _HALT_SENDER_VIOLATION,  # number not registered for 10DLC
    30036: _FAIL,  # its validity ran out
    30450: Handling(Action.SLOW_RECIPIENT, _HOUR / 2, tries=3),  # pumping: blocked for 15-30 min
    30610: Handling(Action.RETRY_LATER, _HOUR),  # the provider's own quiet hours
    30640: _SUPPRESS,  # known to sue
    63003: _FAIL,  # no such WhatsApp user
    63013: _FILTERED,  # against the channel's policy
    63014: _SUPPRESS,  # blocked by the person
    63016: _FAIL,  # the 24-hour window is closed
    63018: _SLOW_SENDER,  # the WhatsApp sender's rate
    63024: _FAIL,  # no such WhatsApp user
}
"""Twilio's messaging interface."""
