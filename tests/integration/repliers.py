"""People who reply, and the lane's two transactions after the webhook's."""

import itertools
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy.engine import Row

from config.languages_file import Languages, load_languages
from pipeline.policy.vocabulary import Channel
from pipeline.providers.events import InboundReply, Person
from pipeline.stages import optout, receive
from pipeline.stages.notice_texts import NoticeBooks
from pipeline.stages.optout import Settled
from pipeline.stages.receive import Arrival
from pipeline.store.lane import OpenReply
from tests.integration.world import NOW, World
from workers.clock import machine_now

SECOND = timedelta(seconds=1)


@cache
def languages() -> Languages:
    """The project's tables; reading them takes a good part of a second."""
    return load_languages()


@dataclass(frozen=True, slots=True)
class Repliers:
    """Brings replies in as the webhooks do, and works on them as the lane does.

    Attributes:
        accounts: provider accounts that can send.
    """

    world: World
    accounts: Collection[str] = frozenset({"sandbox"})
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @property
    def known(self) -> NoticeBooks:
        runtime = self.world.runtime
        return NoticeBooks(runtime.books, languages().answers, self.accounts)

    def say(
        self,
        phone: str,
        body: str = "STOP",
        *,
        at: datetime = NOW,
        to: str = "us",
        channel: Channel = Channel.SMS,
        account: str = "sandbox",
        lease: datetime | None = None,
        **changes: Any,
    ) -> int:
        """One reply; its id, or 0 when the lane has no work with it."""
        return self.say_all(
            [phone], body, at=at, to=to, channel=channel, account=account, lease=lease, **changes
        )[0]

    def say_all(
        self,
        phones: Iterable[str],
        body: str = "STOP",
        *,
        at: datetime = NOW,
        to: str = "us",
        channel: Channel = Channel.SMS,
        account: str = "sandbox",
        lease: datetime | None = None,
        **changes: Any,
    ) -> list[int]:
        """The same from many people, in one transaction."""
        arrivals = [
            Arrival(
                account=account,
                received_at=at,
                event=replace(
                    InboundReply(
                        provider_id=f"SM{next(self._numbers)}",
                        channel=channel,
                        person=Person(phone=phone),
                        addresses=(to,),
                        body=body,
                        occurred_at=at,
                    ),
                    **changes,
                ),
            )
            for phone in phones
        ]
        with self.world.runtime.transaction() as connection:
            taken = receive.take(
                connection,
                arrivals,
                books=self.world.runtime.books,
                lexicon=languages().lexicon,
                now=max(at, NOW),
                lease=lease or machine_now() + 5 * SECOND,
            )
        return [one.inbound_id or 0 for one in taken]

    def take_up(self, *ids: int) -> list[OpenReply]:
        with self.world.runtime.transaction() as connection:
            return optout.take_up(connection, ids, machine_now=machine_now())

    def settle(self, *ids: int, now: datetime = NOW) -> Settled:
        """The first transaction."""
        with self.world.runtime.transaction() as connection:
            machine = machine_now()
            replies = optout.take_up(connection, ids, machine_now=machine)
            return optout.settle(
                connection, replies, known=self.known, now=now, machine_now=machine
            )

    def complete(self, *ids: int, now: datetime = NOW) -> list[int]:
        """The second."""
        with self.world.runtime.transaction() as connection:
            return optout.complete(
                connection, ids, known=self.known, now=now, machine_now=machine_now()
            )

    def work(self, *ids: int, now: datetime = NOW) -> list[int]:
        """Both; the notices that were made."""
        settled = self.settle(*ids, now=now)
        return [*settled.notices, *self.complete(*settled.unfinished, now=now)]

    def reply(self, inbound_id: int) -> Row[Any]:
        return self.world.query("SELECT * FROM inbound_messages WHERE id = :id", id=inbound_id)[0]

    def clock(self, inbound_id: int) -> Row[Any]:
        return self.world.query("SELECT * FROM opt_outs WHERE inbound_id = :id", id=inbound_id)[0]

    def notices(self) -> list[Row[Any]]:
        """Every notice, in the order in which they were made."""
        return list(self.world.query("SELECT * FROM notices ORDER BY id DESC"))

    def everything(self) -> tuple[object, ...]:
        """Two of these are equal when nothing has changed."""
        tables = ("inbound_messages", "opt_outs", "notices", "suppressions", "consent_events")
        return (
            self.world.everything(),
            *(self.world.query(f"SELECT * FROM {name} ORDER BY 1, 2") for name in tables),  # noqa: S608 - a name of ours
        )
