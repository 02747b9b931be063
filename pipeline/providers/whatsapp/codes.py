"""What WhatsApp's error codes call for.

Source: Meta's page "Error codes" at
developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes; the words
beside a row are that page's, shortened. Rows of the Graph API as a whole are from its pages
"Handle errors" and "Rate limits". Of 131055, 131058 and 1341xx we know the numbers from Meta's
changelog and from answers that people quote, and what they mean only from those: what is done
about them errs on the side of stopping.

The same codes come in an answer and in a ``failed`` status, after the message was taken: then only
what they say of the person, the sender, the account or the template counts.
"""

from pipeline.providers.base import Action
from pipeline.providers.codes import CodeTable, Handling

_HOUR = 3600.0
_FAIL = Handling(Action.FAIL)
_HALT_ACCOUNT = Handling(Action.HALT_ACCOUNT)
_HALT_CAMPAIGN = Handling(Action.HALT_CAMPAIGN)
_HALT_SENDER = Handling(Action.HALT_SENDER)
_SLOW_ACCOUNT = Handling(Action.SLOW_ACCOUNT)
_SLOW_SENDER = Handling(Action.SLOW_SENDER)
_FEW_TRIES = Handling(Action.RETRY_LATER, tries=3)
_NOT_YET = Handling(Action.RETRY_LATER, _HOUR / 6, tries=3)
_HALT_ACCOUNT_VIOLATION = Handling(Action.HALT_ACCOUNT, violation=True)
_HALT_CAMPAIGN_VIOLATION = Handling(Action.HALT_CAMPAIGN, violation=True)
_HALT_SENDER_VIOLATION = Handling(Action.HALT_SENDER, violation=True)
_HALT_TEMPLATE_VIOLATION = Handling(Action.HALT_TEMPLATE, violation=True)

WHATSAPP: CodeTable = {
    **dict.fromkeys(range(200, 300), _HALT_ACCOUNT),  # permissions: Meta reserves the range
    0: _HALT_ACCOUNT,  # the token does not authenticate
    1: _FEW_TRIES,  # unknown
    2: _FEW_TRIES,  # down or overloaded
    3: _HALT_ACCOUNT,  # capability or permission
    4: _SLOW_ACCOUNT,  # the application's rate
    10: _HALT_ACCOUNT,  # permission
    17: _SLOW_ACCOUNT,  # the token's rate, of the Graph API
    32: _SLOW_ACCOUNT,  # the page's rate, of the Graph API
    33: _FAIL,  # parameter value
    100: _FAIL,  # parameter
    102: _HALT_ACCOUNT,  # the session has ended, of the Graph API
    190: _HALT_ACCOUNT,  # token expired
    368: _HALT_ACCOUNT_VIOLATION,  # restricted for policy violations
    613: _SLOW_ACCOUNT,  # a call's own rate, of the Graph API
    80007: _SLOW_ACCOUNT,  # the business account's rate
    130429: _SLOW_SENDER,  # the number's throughput
    130472: _FAIL,  # the person is in a holdout experiment
    130497: _HALT_ACCOUNT,  # may not message this country
    131000: _FEW_TRIES,  # unknown
    131005: _HALT_ACCOUNT,  # access denied
    131008: _FAIL,  # parameter missing
    131009: _FAIL,  # parameter value
    131016: _FEW_TRIES,  # service unavailable
    131021: _FAIL,  # sender and recipient are the same
    131026: _FAIL,  # undeliverable: no WhatsApp, old version, terms not accepted
    131030: _FAIL,  # recipient not in a test number's list
    131031: _HALT_ACCOUNT_VIOLATION,  # account locked
    131037: _HALT_SENDER,  # the number's display name is not approved
    131042: _HALT_ACCOUNT,  # payment
    131045: _HALT_SENDER,  # number not registered
    131047: _FAIL,  # the 24-hour window is closed
    131048: _HALT_SENDER_VIOLATION,  # limited for spam
    131049: Handling(Action.SLOW_RECIPIENT, 24 * _HOUR),  # the person's marketing cap
    131050: Handling(Action.SUPPRESS_MARKETING),  # the person stopped marketing
    131051: _FAIL,  # message type
    131053: _HALT_CAMPAIGN,  # the media cannot be fetched, or are of no supported type
    131055: _HALT_CAMPAIGN,  # not allowed at the endpoint for marketing
    131056: Handling(Action.SLOW_RECIPIENT, 4.0, backoff=4.0),  # pair rate: 4^n s, as documented
    131057: Handling(Action.SLOW_SENDER, 60.0),  # throughput upgrade: about a minute
    131058: _HALT_CAMPAIGN,  # the greeting of the test numbers, from another number
    131062: _FAIL,  # this message goes to numbers only, not to business-scoped user ids
    131063: _HALT_CAMPAIGN,  # marketing is switched off on this interface
    131064: _HALT_SENDER_VIOLATION,  # limited for its classification
    132000: _HALT_CAMPAIGN,  # number of template parameters
    132001: _HALT_CAMPAIGN,  # no such template in this language
    132005: _HALT_CAMPAIGN,  # text too long once filled in
    132007: _HALT_CAMPAIGN_VIOLATION,  # format policy
    132008: _HALT_CAMPAIGN,  # format
    132012: _HALT_CAMPAIGN,  # format of the parameters
    132015: _HALT_TEMPLATE_VIOLATION,  # paused for its quality
    132016: _HALT_TEMPLATE_VIOLATION,  # disabled for its quality
    132018: _HALT_CAMPAIGN,  # the template's parameters
    132068: _HALT_CAMPAIGN,  # the template's flow is blocked
    132069: _SLOW_SENDER,  # the template's flow is throttled
    133004: _FEW_TRIES,  # server unavailable
    133010: _HALT_SENDER,  # number not registered
    133016: _HALT_SENDER,  # registered too often
    134100: _HALT_CAMPAIGN,  # the endpoint for marketing takes marketing templates only
    134101: _NOT_YET,  # the template is not known there yet
    134102: _HALT_CAMPAIGN,  # the template is not to be had there
    135000: _FEW_TRIES,  # unknown
}
"""WhatsApp Cloud API."""

MARKETING: CodeTable = {
    **WHATSAPP,
    # Also: the template is not known there yet. One that is new, or was not used for 7 days, takes
    # 10 minutes ("Marketing Messages API for WhatsApp", "Troubleshooting").
    131009: _NOT_YET,
}
"""The same in an answer of ``/marketing_messages``."""
