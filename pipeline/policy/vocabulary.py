"""The words that everybody else builds on: categories, channels, states, reasons.

Every enum's values are the public names: they stand in files, in the database, in JSON output
and in the documentation. Adding a member is a feature; renaming one breaks somebody.
"""

from enum import StrEnum


class Category(StrEnum):
    """Why a message is sent; a country's rules differ by it."""

    MARKETING = "marketing"
    TRANSACTIONAL = "transactional"
    PUBLIC_SERVICE = "public_service"


class Channel(StrEnum):
    """How a message travels."""

    WHATSAPP = "whatsapp"
    SMS = "sms"


class Tier(StrEnum):
    """How far a sender is trusted; daily quotas differ by it."""

    NEW = "new"
    STANDARD = "standard"
    HIGH = "high"


class RegistrationStatus(StrEnum):
    """Where a sender's or a template's registration stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    DISABLED = "disabled"


class ParameterStyle(StrEnum):
    """How a provider knows the variables of a template."""

    POSITIONAL = "positional"
    NAMED = "named"


class ConsentMethod(StrEnum):
    """How a consent was given; `phone` and `paper` are offline."""

    WEB = "web"
    APP = "app"
    SMS = "sms"
    WHATSAPP = "whatsapp"
    PHONE = "phone"
    EMAIL = "email"
    PAPER = "paper"

    @property
    def offline(self) -> bool:
        """Whether no network address can exist for a consent given this way."""
        return self in (ConsentMethod.PHONE, ConsentMethod.PAPER)


class MessageState(StrEnum):
    """A message's life; the order of the members is the order of life.

    ``accepted → consented → ready → sending → sent → delivered | undelivered``; ``deferred``
    comes back to ``accepted`` when its time has come; the others are ends.
    """

    ACCEPTED = "accepted"
    CONSENTED = "consented"
    DEFERRED = "deferred"
    READY = "ready"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    BLOCKED = "blocked"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"


WAITING_STATES = frozenset(
    {MessageState.ACCEPTED, MessageState.CONSENTED, MessageState.DEFERRED, MessageState.READY}
)
"""States in which nothing has been handed to a provider: a STOP or a cancel can still take them."""

HANDED_STATES = frozenset({MessageState.SENT, MessageState.DELIVERED, MessageState.UNDELIVERED})
"""States that count as *sent* in a report: the provider took the message."""


class CampaignState(StrEnum):
    """What an operator, or time, has made of a campaign."""

    ACTIVE = "active"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Stage(StrEnum):
    """The stages that a message passes; each has a queue, and decisions name their stage."""

    INTAKE = "intake"
    CONSENT = "consent"
    WINDOW = "window"
    THROTTLE = "throttle"
    DELIVERY = "delivery"
    OPTOUT = "optout"
    DISPATCH = "dispatch"


class Question(StrEnum):
    """What is asked of every message, in the order in which it is asked: the public one."""

    NUMBER = "number"
    POLICY = "policy"
    SUPPRESSION = "suppression"
    CONSENT = "consent"
    CONTENT = "content"
    SENDER = "sender"
    TEMPLATE = "template"
    WINDOW = "window"
    FREQUENCY = "frequency"
    QUOTA = "quota"
    EXPIRY = "expiry"


class Outcome(StrEnum):
    """What a decision makes of a message."""

    SEND = "send"
    DEFER = "defer"
    BLOCK = "block"


class Reason(StrEnum):
    """Why a message was not sent now. These are the public reason codes."""

    INVALID_NUMBER = "invalid_number"
    NO_POLICY = "no_policy"
    DUPLICATE = "duplicate"
    SUPPRESSED = "suppressed"
    NO_CONSENT = "no_consent"
    CONSENT_UNCONFIRMED = "consent_unconfirmed"
    CONSENT_REVOKED = "consent_revoked"
    CONSENT_EXPIRED = "consent_expired"
    CONSENT_EVIDENCE_INCOMPLETE = "consent_evidence_incomplete"
    CONSENT_INVALID = "consent_invalid"
    TOPIC_MISMATCH = "topic_mismatch"
    CHANNEL_NOT_ALLOWED = "channel_not_allowed"
    CONTENT_OPT_OUT_MISSING = "content_opt_out_missing"
    CONTENT_IDENTIFICATION_MISSING = "content_identification_missing"
    CONTENT_BRAND_MISSING = "content_brand_missing"
    CONTENT_OFFER_TERMS_MISSING = "content_offer_terms_missing"
    CONTENT_OFFER_EXPIRY_MISSING = "content_offer_expiry_missing"
    CONTENT_SUPPORT_MISSING = "content_support_missing"
    CONTENT_PROMOTION_IN_TRANSACTIONAL = "content_promotion_in_transactional"
    CONTENT_LANGUAGE = "content_language"
    CONTENT_MACHINE_TRANSLATED = "content_machine_translated"
    CONTENT_TOO_LONG = "content_too_long"
    CONTENT_VARIABLE_MISSING = "content_variable_missing"
    SENDER_UNREGISTERED = "sender_unregistered"
    SENDER_SUSPENDED = "sender_suspended"
    ACCOUNT_RESTS = "account_rests"
    TEMPLATE_UNAPPROVED = "template_unapproved"
    TEMPLATE_MISMATCH = "template_mismatch"
    TRANSFER_NOT_ALLOWED = "transfer_not_allowed"
    WINDOW_CLOSED = "window_closed"
    NO_COMMON_WINDOW = "no_common_window"
    FREQUENCY_CAP = "frequency_cap"
    DAILY_QUOTA = "daily_quota"
    RATE_LIMITED = "rate_limited"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    PAUSED = "paused"
    SET_ASIDE = "set_aside"
