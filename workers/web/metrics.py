"""What the web process counts, for Prometheus.

No label and no figure holds anything of a person: accounts are those of the settings, and every
other label is one of a fixed list.
"""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from pipeline.stages.receive import Taken

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class WebMetrics:
    """The process's own figures, in a registry of their own.

    Attributes:
        in_force: from a request's arrival to the commit of the opt-out that it brought, seconds.
        seconds: of requests, by route.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.in_force = Histogram(
            "recado_opt_out_in_force_seconds",
            "From the receipt of an opt-out until it is in force, in machine time.",
            buckets=SECONDS,
            registry=self.registry,
        )
        self.seconds = Histogram(
            "recado_request_seconds",
            "Time to answer a request.",
            ["route"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self._requests = Counter(
            "recado_requests", "Requests.", ["route", "status"], registry=self.registry
        )
        self._refused = Counter(
            "recado_webhooks_refused",
            "Webhooks that were refused, and changed nothing.",
            ["route", "account", "reason"],
            registry=self.registry,
        )
        self._events = Counter(
            "recado_webhook_events",
            "Events that were stored, by what they changed.",
            ["account", "effect", "intent"],
            registry=self.registry,
        )
        self._ignored = Counter(
            "recado_webhook_events_ignored",
            "Events that are of no use here.",
            ["account", "kind"],
            registry=self.registry,
        )
        self._waiting = Gauge(
            "recado_inbox_events_waiting",
            "Events that wait to be stored.",
            ["lane"],
            registry=self.registry,
        )

    def watch_waiting(self, lane: str, waiting: Callable[[], int]) -> None:
        """Have a lane asked for its length at every scrape."""
        self._waiting.labels(lane).set_function(waiting)

    def count_request(self, route: str, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        self._requests.labels(route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)

    def count_refusal(self, route: str, account: str, reason: str) -> None:
        """Count a webhook that was refused."""
        self._refused.labels(route, account, reason).inc()

    def count_event(self, account: str, taken: Taken) -> None:
        """Count an event that was stored."""
        intent = "" if taken.intent is None else taken.intent.value
        self._events.labels(account, taken.effect.value, intent).inc()

    def count_ignored(self, account: str, kind: str) -> None:
        """Count an event that is of no use here."""
        self._ignored.labels(account, kind).inc()
