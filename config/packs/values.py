"""What the ``value`` of each kind of rule holds: the parameters a pack may set, and their types."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from config.packs.fields import LONGEST_PERIOD, Span, parse_duration, parse_hours
from pipeline.policy.vocabulary import Channel, Tier

EvidenceField = Literal[
    "granted_at",
    "method",
    "text",
    "ip",
    "signature",
    "document_ref",
    "cpf",
    "confirmed_at",
    "source",
    "policy_version",
    "initiated_by_consumer",
]


def _is_duration(text: str) -> str:
    parse_duration(text)
    return text


def _is_counted(text: str) -> str:
    if parse_duration(text) > LONGEST_PERIOD:
        raise ValueError(f"{text!r} is longer than {LONGEST_PERIOD.days} days; write P31D at most")
    return text


Positive = Annotated[int, Field(gt=0)]
Percent = Annotated[float, Field(gt=0, le=100, strict=False)]
Amount = Annotated[float, Field(ge=0, strict=False)]
Text = Annotated[str, Field(min_length=1)]
Texts = Annotated[list[Text], Field(min_length=1)]
Duration = Annotated[str, AfterValidator(_is_duration)]
CountedPeriod = Annotated[str, AfterValidator(_is_counted)]
AnyChannel = Annotated[Channel, Field(strict=False)]
AnyTier = Annotated[Tier, Field(strict=False)]


class Value(BaseModel):
    """Parameters of a rule; a name that is not declared is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class NoValue(Value):
    """A rule that needs no parameter."""


class ConsentValue(Value):
    """Whether a consent is asked for, and in which form."""

    required: bool = True
    form: Literal["explicit", "express_written"] | None = None


class EvidenceValue(Value):
    """Fields of the consent record that must not be empty."""

    fields: Annotated[list[EvidenceField], Field(min_length=1)]
    cpf_check_digits: bool = False


class OfflineEvidenceValue(Value):
    """The fields asked for instead when the consent was given by phone or on paper."""

    fields: Annotated[list[EvidenceField], Field(min_length=1)]


class SecondStepValue(Value):
    """What confirms a consent after its first step."""

    second_step: Literal["sms_code", "link", "reply"]


class AgeValue(Value):
    """How old a consent may be, in calendar months."""

    months: Positive


class WordingValue(Value):
    """Phrases by language, one of which the consent's text must contain.

    `negations` are words that turn a phrase round when they stand right before it.
    """

    phrases: Annotated[dict[Text, Texts], Field(min_length=1)]
    negations: list[Text] = []


class WindowValue(Value):
    """Opening hours in the recipient's local time, or that there are none."""

    always_open: bool = False
    hours: dict[str, list[str]] = {}
    closed_on_holidays: bool = False

    @field_validator("hours")
    @classmethod
    def _are_hours(cls, hours: dict[str, list[str]]) -> dict[str, list[str]]:
        parse_hours(hours)
        return hours

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> Self:
        if self.always_open == bool(self.hours):
            raise ValueError("give either hours, or always_open = true")
        return self

    @property
    def spans(self) -> Mapping[int, tuple[Span, ...]]:
        """The hours of each open weekday."""
        return parse_hours(self.hours)


class CapValue(Value):
    """How many messages a person may get within a rolling period, or that there is no limit."""

    unlimited: bool = False
    limit: Positive | None = None
    period: CountedPeriod | None = None

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> Self:
        given = (self.limit is not None, self.period is not None)
        if given != (not self.unlimited, not self.unlimited):
            raise ValueError("give both limit and period, or unlimited = true alone")
        return self

    @property
    def length(self) -> timedelta:
        """The period; only of a cap that limits."""
        return parse_duration(self.period or "")


class HolidayCapValue(Value):
    """The limit that takes the cap's place on public holidays."""

    limit: Positive


class QuotaValue(Value):
    """How many messages a sender of a tier may send within a rolling period."""

    tier: AnyTier
    limit: Positive
    period: CountedPeriod
    promotion_after_months: Positive | None = None


class HolidaysValue(Value):
    """Which days count as holidays beside the national ones.

    `optional_names` are names of optional holidays in the ``holidays`` package; the years are
    those for which its data can be trusted.
    """

    optional_names: list[Text] = []
    by_state: bool = False
    first_year: int = 2001
    last_year: int = 2035


class RegistrationValue(Value):
    """What a sender must be registered as."""

    registration: Literal["10dlc", "operator", "dlt"]
    fields: list[Text] = []
    channels: Annotated[list[AnyChannel], Field(min_length=1)]


class RegistrationFieldsValue(Value):
    """More fields that the country's registration must hold, and what getting them takes."""

    fields: Texts
    working_days: Annotated[list[Positive], Field(min_length=1, max_length=2)] | None = None
    fee: Amount | None = None
    currency: Text | None = None
    approval_percent: Percent | None = None


class RegistrationStepValue(Value):
    """A step of the registration that happens outside this system."""

    step: Text
    requires: list[Text] = []
    working_days: Annotated[list[Positive], Field(min_length=1, max_length=2)] | None = None
    fee: Amount | None = None
    currency: Text | None = None
    approval_percent: Percent | None = None


class RegistrationReviewValue(Value):
    """How long a registration's review takes as a rule: calendar days or working days."""

    days: Positive | None = None
    working_days: Positive | None = None

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> Self:
        if (self.days is None) == (self.working_days is None):
            raise ValueError("give either days or working_days")
        return self


class RenewalValue(Value):
    """When a registration is to be renewed: once less than so many months of it are left."""

    months_before: Positive


class TemplateValue(Value):
    """That messages are instances of an approved template, and what approval takes."""

    required: bool = True
    includes: list[Text] = []
    working_days: Annotated[list[Positive], Field(min_length=1, max_length=2)] | None = None
    fee: Amount | None = None
    currency: Text | None = None
    approval_percent: Percent | None = None
    advised_templates: Annotated[list[Positive], Field(min_length=2, max_length=2)] | None = None


class MaximumValue(Value):
    """A largest number."""

    maximum: Positive


class DaysValue(Value):
    """A number of days."""

    days: Positive


class BlockListValue(Value):
    """A public list of people who want no advertising.

    `list` is the name under which its numbers are imported; `after` how long after its listing a
    number is bound by it.
    """

    list: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
    after: Duration | None = None


class OptOutWordsValue(Value):
    """Words by language that, alone in a message, take their sender off the list."""

    words: Annotated[dict[Text, Texts], Field(min_length=1)]


class WithinValue(Value):
    """A deadline."""

    within: Duration


class ConfirmationValue(Value):
    """The confirmation of an opt-out in each of the pack's languages, with ``{brand}``."""

    texts: Annotated[dict[Text, Text], Field(min_length=1)]
