"""Taking what providers tell of templates and accounts: it changes what may be sent, and pauses.

What is told late undoes nothing that we were told, or that a person decided, since.
"""

from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy.engine import Connection

from pipeline.policy.vocabulary import Channel
from pipeline.providers.events import AccountHalt, AccountNews, LimitChange, TemplateChange
from pipeline.stages import template_states
from pipeline.stages.arrivals import Brought, Context, Effect, Taken
from pipeline.stages.suspensions import Cause, not_lifted_since, suspend
from pipeline.store import provider_news, senders

log = structlog.get_logger(__name__)


def take(
    connection: Connection, brought: Sequence[Brought[AccountNews]], context: Context
) -> dict[int, Taken]:
    """Put into force what was told, in the order of the provider's times: place → effect."""
    taken: dict[int, Taken] = {}
    for one in sorted(brought, key=_told_at):
        changed = _take(connection, one.account, one.event, _told_at(one), context.now)
        taken[one.place] = Taken(effect=Effect.NEWS if changed else Effect.NEWS_OLD)
    return taken


def _told_at(one: Brought[AccountNews]) -> datetime:
    return one.happened_at(one.event.occurred_at)


def _take(
    connection: Connection, account: str, event: AccountNews, told_at: datetime, now: datetime
) -> bool:
    """Whether anything of ours is meant and has changed."""
    match event:
        case TemplateChange():
            return template_states.change(
                connection,
                account=account,
                code=event.name,
                language=event.language,
                status=event.status,
                word=event.word,
                told_at=told_at,
                now=now,
            )
        case AccountHalt():
            return _halt(connection, account, event, told_at, now)
        case LimitChange():
            done = provider_news.set_daily_limit(
                connection,
                account=account,
                daily_limit=event.daily_limit,
                told_at=told_at,
                now=now,
            )
            if done:
                log.info("provider_limit_changed", account=account, daily_limit=event.daily_limit)
            return bool(done)


def _halt(
    connection: Connection, account: str, event: AccountHalt, told_at: datetime, now: datetime
) -> bool:
    """Suspend the account's WhatsApp senders, but for those that a person has lifted since."""
    theirs = [
        sender
        for sender in senders.select_senders(connection)
        if sender.account == account and sender.channel is Channel.WHATSAPP
    ]
    done = suspend(
        connection,
        not_lifted_since(connection, theirs, told_at),
        cause=Cause.PROVIDER,
        actor=f"provider:{account}",
        reason=f"{event.word}: {event.detail}"[:200],
        detail={"code": event.word},
        now=now,
    )
    if done:
        log.error("sender_halted", sender_ids=[one.id for one in done], code=event.word)
    return bool(done)
