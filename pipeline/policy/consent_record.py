"""A consent as it was recorded."""

from dataclasses import dataclass
from datetime import datetime

from pipeline.policy.vocabulary import Category, Channel, ConsentMethod


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsentRecord:
    """One consent as it was recorded, complete or not; None is unknown.

    Attributes:
        business: to whom it was given.
        channel: the channel it is for; None: every channel.
        category: what sort of message it is for.
        topics: the topics it names; None: every topic.
        granted_at: when it was given (aware).
        method: how it was given.
        text: the words that the person agreed to.
        ip, signature, document_ref: evidence; a document reference points to the copy that was
            kept of an offline consent.
        cpf_valid: whether the CPF that was given has valid check digits; None: none was given.
            The number itself is never kept.
        confirmed_at: when the second step of a double opt-in was taken.
        source: the channel or form that it came from.
        pre_ticked: whether the box was ticked before the person came.
        initiated_by_consumer: whether the person asked first.
        policy_version: the privacy policy that was shown.
        revoked_at: when it was taken back.
        renewed_at: when it was last given again.
    """

    business: str
    category: Category
    channel: Channel | None = None
    topics: frozenset[str] | None = None
    granted_at: datetime | None = None
    method: ConsentMethod | None = None
    text: str | None = None
    ip: str | None = None
    signature: str | None = None
    document_ref: str | None = None
    cpf_valid: bool | None = None
    confirmed_at: datetime | None = None
    source: str | None = None
    pre_ticked: bool | None = None
    initiated_by_consumer: bool | None = None
    policy_version: str | None = None
    revoked_at: datetime | None = None
    renewed_at: datetime | None = None
