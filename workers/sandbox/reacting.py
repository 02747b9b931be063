"""Posts what people do, and tells what our webhook said."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

from workers.sandbox.http import response
from workers.sandbox.people import Reaction, Reactions
from workers.sandbox.webhooks import Posted, WebhookClient


class ReactingPeople:
    """The people behind the sandbox's numbers.

    Args:
        client: posts for them.
        clock: machine time in seconds since 1970.
    """

    def __init__(self, client: WebhookClient, clock: Callable[[], float]) -> None:
        self._client = client
        self._clock = clock
        self._events = int(clock() * 1e6)  # another start of the sandbox gives other ids

    async def react(self, reactions: Reactions, told: Callable[[float], float]) -> bytes:
        """Post them and make the response for the wire: one result a post, in their order.

        Args:
            reactions: what to post, and how.
            told: the provider's time at a machine time.
        """
        posts = list(self._posts(reactions))
        results: list[dict[str, Any]] = [{} for _ in posts]
        waiting = iter(enumerate(posts))
        loop = asyncio.get_running_loop()
        began, per_second = loop.time(), reactions.per_second

        async def work() -> None:
            for place, (event_id, reaction) in waiting:
                if per_second is not None:
                    await asyncio.sleep(began + place / per_second - loop.time())
                webhook = reaction.webhook(self._client.account, event_id, now=told(self._clock()))
                posted = await self._client.post(webhook, retry_seconds=reactions.retry_seconds)
                results[place] = _result(event_id, posted)

        async with asyncio.TaskGroup() as workers:
            for _ in range(min(reactions.concurrency, len(posts))):
                workers.create_task(work())
        return response(200, json.dumps({"results": results}).encode())

    def _posts(self, reactions: Reactions) -> Iterator[tuple[str, Reaction]]:
        for reaction in reactions.replies:
            event_id = reaction.id or self._new_id(reaction.channel)
            for _ in range(reaction.times):
                yield event_id, reaction

    def _new_id(self, channel: str) -> str:
        self._events += 1
        return f"{'SM' if channel == 'sms' else 'wamid.'}{self._events:032x}"


def _result(event_id: str, posted: Posted) -> dict[str, Any]:
    return {
        "id": event_id,
        "status": posted.status,
        "attempts": posted.attempts,
        "milliseconds": round(1000 * (posted.answered_at - posted.sent_at), 3),
        "sent_at": posted.sent_at,
        "answered_at": posted.answered_at,
    }
