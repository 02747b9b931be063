"""What the packs' figures make of a campaign: what it costs, and what it would have risked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipeline.policy.country import CountryPolicy, Rule
from pipeline.policy.vocabulary import Reason

Stopped = Mapping[tuple[str, Reason], int]
"""(country, reason) → messages that are blocked, or wait."""

_HARMLESS = frozenset(
    {
        Reason.INVALID_NUMBER,
        Reason.DUPLICATE,
        Reason.NO_POLICY,
        Reason.CONTENT_VARIABLE_MISSING,
        Reason.CANCELLED,
        Reason.PAUSED,
    }
)
"""Stopped, and no rule of the recipient's country was in danger."""

_MESSAGE = "message"


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """Money, by a rule of a pack.

    Attributes:
        per: what the pack's figure is for, e.g. ``message``.
        messages: of how many messages it speaks; of an SMS each segment is one.
        least, most: in `currency`, the same where the pack gives one figure: for all the messages
            where the figure is one a message, else for a single case. None: it gives no amount.
        note: what the pack says besides.
    """

    rule: str
    summary: str
    per: str
    messages: int
    least: float | None
    most: float | None
    currency: str
    note: str

    @property
    def for_all(self) -> bool:
        """Whether the amounts are for all the messages."""
        return self.per == _MESSAGE


def costs(policies: Iterable[CountryPolicy], going: Mapping[str, int]) -> list[Figure]:
    """What the messages that go would cost.

    Args:
        policies: those of the recipients' countries.
        going: country → messages that go now or later, of SMS their segments.
    """
    counted: dict[str, tuple[Rule, int]] = {}
    for policy in policies:
        amount = going.get(policy.country, 0)
        for rule in _figures(policy, "cost"):
            if amount and rule.value.get("per") == _MESSAGE:
                counted[rule.id] = (rule, counted.get(rule.id, (rule, 0))[1] + amount)
    return [_figure(rule, messages) for rule, messages in counted.values()]


def exposure(policies: Iterable[CountryPolicy], stopped: Stopped) -> list[Figure]:
    """What the messages that do not go, or not now, would have risked.

    Args:
        policies: those of the recipients' countries.
    """
    counted: dict[str, tuple[Rule, int]] = {}
    for policy in policies:
        for rule in _figures(policy, "fine"):
            only = rule.value.get("reasons") or ()
            threatened = sum(
                messages
                for (country, reason), messages in stopped.items()
                if country == policy.country
                and reason not in _HARMLESS
                and (not only or (isinstance(only, list | tuple) and reason in only))
            )
            if threatened:
                counted[rule.id] = (rule, counted.get(rule.id, (rule, 0))[1] + threatened)
    return [_figure(rule, messages) for rule, messages in counted.values()]


def _figures(policy: CountryPolicy, measure: str) -> Iterable[Rule]:
    return (
        rule
        for rule in policy.rules
        if rule.kind == "estimate" and rule.value.get("measure") == measure
    )


def _figure(rule: Rule, messages: int) -> Figure:
    value = rule.value
    per = str(value.get("per") or "violation")
    times = messages if per == _MESSAGE else 1
    most = _number(value.get("amount"))
    least = _number(value.get("amount_from"))
    if least is None:
        least = most
    share = value.get("percent")
    parts = [f"or {share:g} % of the {value.get('percent_of')}"] if share else []
    if share and most is None:
        parts = [f"up to {share:g} % of the {value.get('percent_of')}"]
    parts += [str(value["note"])] if value.get("note") else []
    return Figure(
        rule=rule.id,
        summary=rule.summary,
        per=per,
        messages=messages,
        least=None if least is None else least * times,
        most=None if most is None else most * times,
        currency=str(value.get("currency") or ""),
        note=", ".join(parts),
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
