"""Getting slots from Redis, and claiming what got one. Runs in a thread of its own."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog
from redis import RedisError

from pipeline.limits.pace import Grant
from pipeline.stages import delivery
from pipeline.stages.delivery import CLAIM_LIFE, Claimed, Directory
from pipeline.store import claims
from pipeline.store.claims import Parcel
from pipeline.store.senders import Sender
from workers.accounts import AccountWatch, View
from workers.clock import machine_now
from workers.courier.admission import ClaimRound
from workers.courier.lines import Waiting
from workers.courier.means import CourierMeans
from workers.faultpoints import FaultPoint, reach

log = structlog.get_logger(__name__)

SLOT_SPAN = 0.1
"""Seconds of slots that are asked for at once, beyond what claiming takes."""

LONGEST_LEAD = 0.12

LONGEST_CALL = 0.016
"""Seconds that asking for slots may take: half of it is how wrong their place in time may be, and
that must stay within what a sender's unused share of its rate covers."""

_MARGIN = 0.005


@dataclass(frozen=True, slots=True)
class Departure:
    """A claimed message with the moment of its slot (monotonic seconds)."""

    claimed: Claimed
    slot: float
    claim: ClaimRound


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What the event loop asks for.

    Attributes:
        picked: parcels that want a slot, by sender.
        late: how many already claimed messages missed their slot and want another, by sender.
        rates: messages a second of each sender concerned.
        taken: messages of each that its provider has taken since the last order.
        directory: the campaigns and senders of the parcels.
    """

    picked: Mapping[int, list[Waiting]]
    late: Mapping[int, int]
    rates: Mapping[int, float]
    taken: Mapping[int, int]
    directory: Directory


@dataclass(slots=True)
class Supply:
    """What it gets.

    Attributes:
        departures: claimed messages with their slots.
        returned: parcels that got no slot.
        late_slots: new slots for late messages, by sender; fewer than asked when there are none.
        again_at: when each sender's next slots come within reach (monotonic seconds).
    """

    departures: list[Departure] = field(default_factory=list)
    returned: list[Waiting] = field(default_factory=list)
    late_slots: dict[int, list[float]] = field(default_factory=dict)
    again_at: dict[int, float] = field(default_factory=dict)


class Claimer:
    """Knows how long a claim takes, and asks for slots that lie beyond it."""

    def __init__(self, means: CourierMeans) -> None:
        self._means = means
        self._claim_seconds = 0.01

    def claim(self, order: Order) -> Supply:
        """Slots first, then the claim of what got one."""
        lead = min(LONGEST_LEAD, self._claim_seconds + _MARGIN) if order.picked else _MARGIN
        asked = {
            sender: (rate, order.late.get(sender, 0) + len(order.picked.get(sender, ())))
            for sender, rate in order.rates.items()
        }
        before = time.monotonic()
        grants = self._means.pace.take(
            asked, lead=lead, horizon=lead + SLOT_SPAN, taken=order.taken
        )
        began = time.monotonic()
        # Redis looked at its clock somewhere between. When that was a long time, nobody knows
        # where the slots lie in ours, and they are left unused.
        moment = (before + began) / 2
        if began - before > LONGEST_CALL:
            grants = {sender: replace(grant, count=0) for sender, grant in grants.items()}
        supply, slots, chosen = _share_out(order, grants, moment, lead)
        if chosen:
            reach(FaultPoint.BEFORE_CLAIM)
            claimed = self._claim(chosen, order.directory)
            reach(FaultPoint.CLAIMED)
            this_round = ClaimRound(began, time.monotonic())
            self._learn(this_round.ended - began)
            supply.departures = [
                Departure(item, slots[item.parcel.id], this_round) for item in claimed
            ]
        return supply

    def _learn(self, seconds: float) -> None:
        """How long a claim takes: at once when one was slower, slowly when they get faster."""
        faster = self._claim_seconds + 0.1 * (seconds - self._claim_seconds)
        self._claim_seconds = max(seconds, faster)

    def slow(self, sender: Sender, retry_after: float | None) -> None:
        """Lower the rate of a sender that its provider found too fast."""
        try:
            share = self._means.pace.slow(sender.id, retry_after=retry_after)
        except RedisError as error:
            # Without Redis nothing is sent; and the next refusal says the same.
            log.warning("sender_not_slowed", sender=sender.code, error=type(error).__name__)
            return
        if share is not None:
            log.warning(
                "sender_slowed",
                sender=sender.code,
                rate_per_second=round(share * sender.rate_per_second, 3),
                retry_after=retry_after,
            )

    def look(self, accounts: AccountWatch, wanted: Collection[str]) -> View:
        """Read which accounts rest; see `AccountWatch.look`."""
        with self._means.transaction() as connection:
            return accounts.look(connection, wanted, machine_now=machine_now())

    def give_back(self, ids: Sequence[int]) -> None:
        """Return messages that were handed to this courier and not claimed."""
        with self._means.transaction() as connection:
            claims.give_back(connection, ids)

    def _claim(self, parcels: Sequence[Parcel], directory: Directory) -> list[Claimed]:
        means = self._means
        now = means.clock.now()
        with means.transaction() as connection:
            return delivery.claim(
                connection,
                parcels,
                directory=directory,
                books=means.books,
                now=now,
                safe_until=now + means.clock.span(CLAIM_LIFE),
                lease=machine_now() + means.sending_lease,
            )


def _share_out(
    order: Order, grants: Mapping[int, Grant], moment: float, lead: float
) -> tuple[Supply, dict[int, float], list[Parcel]]:
    """The late ones first: their claims are running out. Slots by message id, chosen parcels."""
    supply = Supply()
    slots: dict[int, float] = {}
    chosen: list[Parcel] = []
    for sender, grant in grants.items():
        times = [moment + grant.delay + i * grant.interval for i in range(grant.count)]
        late = order.late.get(sender, 0)
        supply.late_slots[sender] = times[:late]
        entries = order.picked.get(sender, [])
        for (parcel, _), slot in zip(entries, times[late:], strict=False):
            slots[parcel.id] = slot
            chosen.append(parcel)
        supply.returned += entries[len(times[late:]) :]
        following = moment + grant.delay + grant.count * grant.interval
        supply.again_at[sender] = following - lead - SLOT_SPAN / 2
    return supply, slots, chosen
