"""The sandbox's side that calls: callbacks, and the people who write back."""

from collections.abc import Callable, Coroutine
from dataclasses import asdict

from workers.sandbox.callbacks import StatusCallbacks
from workers.sandbox.people import Reactions
from workers.sandbox.reacting import ReactingPeople
from workers.sandbox.webhooks import WebhookClient


class Calling:
    """Everything that posts to our webhooks.

    Args:
        client: an open one.
        clock: machine time in seconds since 1970.
    """

    def __init__(self, client: WebhookClient, clock: Callable[[], float]) -> None:
        self._client = client
        self._people = ReactingPeople(client, clock)
        self.callbacks = StatusCallbacks(client)

    def react(
        self, reactions: Reactions, told: Callable[[float], float]
    ) -> Coroutine[None, None, bytes]:
        """See `ReactingPeople.react`."""
        return self._people.react(reactions, told)

    def stats(self) -> dict[str, int]:
        """The counters, as JSON has them."""
        waiting = self.callbacks.waiting + self._client.waiting
        return asdict(self._client.counts) | {"waiting": waiting}
