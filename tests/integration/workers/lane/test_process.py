"""How a worker of the lane is set up."""

from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace

import pytest
from celery import signals
from pydantic import SecretStr

from config.settings import LeaseSettings, ProviderSettings, Settings
from workers.lane.process import sending_accounts, start_within


@pytest.mark.parametrize(
    ("queues", "renewed_after"),
    [(["optout"], None), (["optout", "delivery"], 2000), (None, 2000)],
)
@pytest.mark.usefixtures("belt")  # the tasks read the settings when they are imported
def test_a_child_of_the_lane_alone_is_not_renewed_in_the_middle_of_a_flood(
    queues: list[str] | None, renewed_after: int | None
) -> None:
    import_module("workers.tasks")
    conf = SimpleNamespace(worker_max_tasks_per_child=2000)
    signals.celeryd_init.send(sender="w", instance=None, conf=conf, options={"queues": queues})
    assert conf.worker_max_tasks_per_child == renewed_after


def test_an_account_that_only_receives_sends_nothing() -> None:
    accounts = {
        "Shop": ProviderSettings(
            kind="sandbox",
            base_url="http://127.0.0.1:1",
            auth_token=SecretStr("x"),
            app_secret=SecretStr("y"),
        ),
        "web-form": ProviderSettings(kind="inbound", webhook_secret=SecretStr("x")),
    }
    settings = Settings(_env_file=None, providers=accounts)  # type: ignore[call-arg]
    assert sending_accounts(settings) == {"shop"}


@pytest.mark.parametrize(
    ("lease", "timeouts", "expected"),
    [
        (90, {}, 45),
        (90, {"shop": 20}, 45),
        (90, {"shop": 20, "bulk": 40}, 30),
        (90, {"shop": 60}, 1),  # over SMPP it may take all of the lease
        (21, {"shop": 20}, 1),
    ],
)
def test_a_request_may_begin_as_late_as_it_still_ends_within_the_lease(
    lease: float, timeouts: dict[str, float], expected: float
) -> None:
    accounts = {
        name: ProviderSettings(
            kind="whatsapp_cloud",
            access_token=SecretStr("x"),
            app_secret=SecretStr("y"),
            request_timeout=seconds,
        )
        for name, seconds in timeouts.items()
    }
    # Nothing is sent through this one.
    accounts["form"] = ProviderSettings(
        kind="inbound", webhook_secret=SecretStr("x"), request_timeout=300
    )
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]
        providers=accounts,
        leases=LeaseSettings(sending_seconds=lease),
    )
    assert start_within(settings) == timedelta(seconds=expected)
