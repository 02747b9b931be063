"""What Twilio's error codes call for.

Source: Twilio's "Error and warning dictionary"; every code has a page of its own there, at
``twilio.com/docs/api/errors/<code>``, and the words beside a row are that page's, shortened. 30640
stands by what customers report: we have not seen its page. Where it is left open whether a message
was sent, the entry is `Action.AMBIGUOUS`.

Most codes from 30000 on come in a status callback, after the message was taken: then only what
they say of the person, the sender, the account or the template counts.
"""

from pipeline.providers.base import Action
from pipeline.providers.codes import CodeTable, Handling

_HOUR = 3600.0
_FAIL = Handling(Action.FAIL)
_HALT_ACCOUNT = Handling(Action.HALT_ACCOUNT)
_HALT_CAMPAIGN = Handling(Action.HALT_CAMPAIGN)
_HALT_SENDER = Handling(Action.HALT_SENDER)
_HALT_TEMPLATE = Handling(Action.HALT_TEMPLATE)
_SLOW_SENDER = Handling(Action.SLOW_SENDER)
_SUPPRESS = Handling(Action.SUPPRESS)
_FEW_TRIES = Handling(Action.RETRY_LATER, tries=3)
_FILTERED = Handling(Action.FAIL_FILTERED, violation=True)
_HALT_ACCOUNT_VIOLATION = Handling(Action.HALT_ACCOUNT, violation=True)
_HALT_SENDER_VIOLATION = Handling(Action.HALT_SENDER, violation=True)
_HALT_TEMPLATE_VIOLATION = Handling(Action.HALT_TEMPLATE, violation=True)

TWILIO: CodeTable = {
    14107: _FAIL,  # too many replies in TwiML: never answers a send
    20003: _HALT_ACCOUNT,  # authentication
    20005: _HALT_ACCOUNT,  # account not active
    20006: _HALT_ACCOUNT,  # access denied
    20008: _HALT_ACCOUNT,  # a test's credentials
    20404: _HALT_ACCOUNT,  # no such account or address
    20422: _FAIL,  # a parameter
    20429: Handling(Action.RETRY_LATER),  # too many at once: documented as never processed
    20500: Handling(Action.AMBIGUOUS),  # internal error; a POST of a message is not idempotent
    20503: _FEW_TRIES,  # unavailable
    21211: _FAIL,  # no such number
    21212: _HALT_SENDER,  # the sender's number is none
    21217: _FAIL,  # no such number
    21408: Handling(Action.HALT_DESTINATION),  # the country is switched off in the account
    21602: _FAIL,  # no text
    21604: _FAIL,  # no recipient
    21606: _HALT_SENDER,  # the sender's number is not the account's, or carries no messages
    21608: _FAIL,  # a trial account writes to verified numbers only
    21609: _HALT_ACCOUNT,  # the address for status callbacks cannot be one
    21610: _SUPPRESS,  # opted out, or the number was given to somebody else
    21611: _SLOW_SENDER,  # the sender's queue is full
    21612: _FAIL,  # this sender does not reach this number
    21614: _FAIL,  # not a mobile
    21617: _FAIL,  # text too long
    21619: _FAIL,  # neither text nor media
    21620: _HALT_CAMPAIGN,  # the media's address
    21635: _FAIL,  # a landline
    21655: _HALT_CAMPAIGN,  # no such content template
    21656: _FAIL,  # the content template's variables
    21659: _HALT_SENDER,  # the sender's number is none of Twilio's
    21660: _HALT_SENDER,  # the sender's number is another account's
    21701: _HALT_SENDER,  # no such messaging service
    21703: _HALT_SENDER,  # the messaging service has no sender
    30001: _SLOW_SENDER,  # queue overflow
    30002: _HALT_ACCOUNT,  # account suspended
    30003: Handling(Action.SLOW_RECIPIENT, 2 * _HOUR, tries=2),  # handset unreachable
    30004: _FAIL,  # blocked
    30005: _FAIL,  # number unknown
    30006: _FAIL,  # landline or carrier out of reach
    30007: _FILTERED,  # filtered by a carrier
    30008: Handling(Action.RETRY_LATER, tries=2),  # unknown: once more
    30010: _FAIL,  # dearer than the highest price
    30011: _FAIL,  # the network carries no media
    30017: _FEW_TRIES,  # the carrier is congested
    30018: Handling(Action.HALT_DESTINATION),  # the country wants registered senders
    30019: _FAIL,  # the media are too large for this carrier
    30022: _SLOW_SENDER,  # the carrier's rate for the campaign
    30023: Handling(Action.SLOW_SENDER, _HOUR),  # the carrier's daily limit for the brand
    30024: _HALT_SENDER,  # the carrier does not know the sender's number
    30027: Handling(Action.SLOW_SENDER, _HOUR),  # T-Mobile's daily limit for the brand
    30032: _HALT_SENDER_VIOLATION,  # toll-free number not verified
    30033: _HALT_SENDER_VIOLATION,  # the 10DLC campaign is suspended
    30034: _HALT_SENDER_VIOLATION,  # number not registered for 10DLC
    30035: _HALT_SENDER,  # the number's registration for 10DLC is not finished
    30036: _FAIL,  # its validity ran out
    30037: _HALT_ACCOUNT,  # sending is switched off for the account
    30038: _FILTERED,  # a one-time code, filtered
    30410: _FAIL,  # the carrier did not answer in time: nobody knows whether it delivered
    30450: Handling(Action.SLOW_RECIPIENT, _HOUR / 2, tries=3),  # pumping: blocked for 15-30 min
    30610: Handling(Action.RETRY_LATER, _HOUR),  # the provider's own quiet hours
    30640: _SUPPRESS,  # known to sue
    63001: _HALT_SENDER,  # WhatsApp refuses the sender's credentials
    63002: _HALT_SENDER,  # WhatsApp does not know the sender
    63003: _FAIL,  # no such WhatsApp user
    63005: _FAIL,  # WhatsApp did not accept the content
    63007: _HALT_SENDER,  # no WhatsApp sender of this number
    63008: _HALT_SENDER,  # the sender is not set up for the channel
    63009: _FEW_TRIES,  # WhatsApp's own error
    63010: _FEW_TRIES,  # Twilio's own error on the way to WhatsApp
    63012: _FEW_TRIES,  # WhatsApp's service is out of order
    63013: _FILTERED,  # against the channel's policy
    63014: _SUPPRESS,  # blocked by the person
    63015: _FAIL,  # the person has not joined the trial
    63016: _FAIL,  # the 24-hour window is closed
    63017: _SLOW_SENDER,  # the channel's rate
    63018: _SLOW_SENDER,  # the WhatsApp sender's rate
    63019: _HALT_CAMPAIGN,  # the media cannot be fetched
    63020: _HALT_SENDER,  # the business has not accepted Twilio's invitation
    63021: _FAIL,  # content that the channel does not take
    63022: _HALT_SENDER,  # the sender's name certificate
    63023: _FAIL,  # the channel's unnamed error
    63024: _FAIL,  # no such WhatsApp user
    63027: _HALT_CAMPAIGN,  # no such template in this language
    63028: _HALT_CAMPAIGN,  # number of template parameters
    63030: _HALT_CAMPAIGN,  # a parameter that the channel does not take
    63031: _FAIL,  # sender and recipient are the same
    63032: _FAIL,  # the person is in a holdout experiment of WhatsApp's
    63038: Handling(Action.SLOW_ACCOUNT, _HOUR),  # the account's daily limit
    63040: _HALT_TEMPLATE,  # template rejected
    63041: _HALT_TEMPLATE_VIOLATION,  # template paused for its quality
    63042: _HALT_TEMPLATE_VIOLATION,  # template disabled for its quality
    63049: Handling(Action.SLOW_RECIPIENT, 24 * _HOUR),  # the person's marketing cap at WhatsApp
    63051: _HALT_ACCOUNT_VIOLATION,  # the WhatsApp account is locked
    63112: _HALT_ACCOUNT_VIOLATION,  # Meta has disabled the WhatsApp account
}
"""Twilio's messaging interface."""
