"""The ``value`` of kinds of rule that describe content, duties towards people, and figures."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from config.packs.values import Amount, Duration, Percent, Positive, Text, Texts, Value
from pipeline.policy.vocabulary import Reason

AnyReason = Annotated[Reason, Field(strict=False)]


class ContentOptOutValue(Value):
    """Words of which a message's opt-out instruction should name one; none: any clear one."""

    words: list[Text] = Field(default_factory=list)


class ContentIdentificationValue(Value):
    """Phrases of which one must stand at the start, or anywhere."""

    any_of: Texts
    position: Literal["start", "anywhere"] = "anywhere"


class ContentBrandValue(Value):
    """That the brand's name, and how to leave, stand in a message."""

    first_message_only: bool = False
    with_opt_out: bool = False


class ContentPromotionValue(Value):
    """What counts as promotion where none may be."""

    forbidden: Annotated[list[Literal["link", "discount_code", "offer"]], Field(min_length=1)]


class ContentLengthValue(Value):
    """The longest text, in characters; a recommended one only warns."""

    maximum: Positive
    recommended: bool = False


class ContentLanguageValue(Value):
    """Languages a text may be in, and those that only warn."""

    languages: Texts
    tolerated: list[Text] = Field(default_factory=list)


class PercentValue(Value):
    """A share above which something happens, in percent."""

    above_percent: Percent


class CharactersValue(Value):
    """A number of characters."""

    characters: Positive


class ContentPracticeValue(Value):
    """What is looked for in a text that should be written for its reader.

    `personal`: it has a variable. `not_demographic`: its variables do not all tell demographics.
    """

    subject: Text
    check: Literal["personal", "not_demographic"]


class ThresholdValue(Value):
    """A rate or a number above which (strictly) a sender is suspended.

    `minimum_sample` messages must have been sent within the period before a rate counts.
    """

    measure: Literal["opt_out_rate", "noncompliance_rate", "complaint_rate", "complaints"]
    above_percent: Percent | None = None
    above_count: Positive | None = None
    warn_above_percent: Percent | None = None
    within: Duration
    minimum_sample: Positive | None = None

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> Self:
        if (self.above_percent is None) == (self.above_count is None):
            raise ValueError("give either above_percent or above_count")
        return self


class RetentionValue(Value):
    """How long data are kept: at least so many months, or no longer than the purpose needs."""

    minimum_months: Positive | None = None
    only_while_needed: bool = False

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if (self.minimum_months is None) != self.only_while_needed:
            raise ValueError("give either minimum_months, or only_while_needed = true")
        return self


class RequestValue(Value):
    """A request by the person that has a due date."""

    request: Literal["access", "erasure"]
    days: Positive | None = None
    working_days: Positive | None = None

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> Self:
        if (self.days is None) == (self.working_days is None):
            raise ValueError("give either days or working_days")
        return self


class DataMinimisationValue(Value):
    """Which personal data may be asked for."""

    allowed: Texts
    forbidden: Texts


class DataTransferValue(Value):
    """What allows data to leave the region: one of these is enough."""

    safeguards: Texts


class PreferencesValue(Value):
    """Which of a person's preferences a schedule honours."""

    respects: Texts


class PrivacyPolicyValue(Value):
    """What a privacy or consent policy must be."""

    requires: Texts


class ReportValue(Value):
    """Something to be watched, done or reported; by a date where there is one."""

    subject: Text
    every_days: Positive | None = None
    months_before: Positive | None = None


class SanctionValue(Value):
    """What follows from repeated offences."""

    ban_years: Positive


class EstimateValue(Value):
    """A figure for reports on cost and exposure; it decides nothing.

    `amount` is in `currency`, `percent` is of `percent_of`, `ratio` compares with `compared_to`.
    A fine with `reasons` threatens only messages that are stopped for one of them.
    """

    measure: Literal["fine", "cost", "delivery", "clicks", "complaints", "return"]
    amount: Amount | None = None
    amount_from: Amount | None = None
    currency: Text | None = None
    per: Text | None = None
    percent: Amount | None = None
    percent_from: Amount | None = None
    percent_of: Text | None = None
    unregistered_percent: Amount | None = None
    before_percent: Amount | None = None
    ratio: Amount | None = None
    compared_to: Text | None = None
    reasons: list[AnyReason] = Field(default_factory=list)
    note: Text | None = None
