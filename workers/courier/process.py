"""The courier of a delivery process: made on the first chunk, closed with the process."""

import os

from config.settings import ProviderSettings, Settings
from pipeline.limits.pace import Pace
from pipeline.policy.breaker import probe_life
from pipeline.providers.base import Provider
from pipeline.providers.registry import ProviderAccount, create_provider
from pipeline.providers.smpp.account import SmppAccount
from workers.courier import Courier, CourierMeans
from workers.runtime import Runtime

_couriers: dict[int, Courier] = {}


def process_courier(runtime: Runtime) -> Courier:
    """This process's courier; one that has ended by a mistake is replaced."""
    pid = os.getpid()
    if pid in _couriers and not _couriers[pid].alive:
        close_courier()
    if pid not in _couriers:
        _couriers.clear()  # a courier's threads do not survive a fork
        _couriers[pid] = open_courier(runtime)
    return _couriers[pid]


def close_courier() -> None:
    """Close this process's courier, if it has one."""
    courier = _couriers.pop(os.getpid(), None)
    if courier is not None:
        courier.close()


def open_courier(runtime: Runtime) -> Courier:
    """A courier over the means of this process."""
    settings = runtime.settings
    return Courier(
        CourierMeans(
            transaction=runtime.transaction,
            pace=Pace(runtime.redis),
            books=runtime.books,
            clock=runtime.clock,
            open_provider=lambda name: open_provider(
                name, settings.providers.get(name.lower()), settings
            ),
            capacity=settings.delivery.in_flight,
            claim_size=settings.delivery.claim_size,
            sending_lease=settings.leases.sending,
            probe_life=probe_life(one.request_timeout for one in settings.providers.values()),
        )
    )


def smpp_account(name: str, account: ProviderSettings) -> SmppAccount | None:
    """An account as SMPP sessions take it; None: it is of another kind."""
    if account.kind != "smpp":
        return None
    return account.smpp_account(
        name, base_url=account.base_url, request_timeout=account.request_timeout
    )


def open_provider(name: str, account: ProviderSettings | None, settings: Settings) -> Provider:
    """The provider of an account; call it inside the event loop that will use it.

    Raises:
        LookupError: the settings have no such account.
    """
    if account is None:
        variable = f"RECADO_PROVIDERS__{name.upper()}__KIND"
        raise LookupError(f"no provider account {name!r} in the settings; set {variable}")
    return create_provider(
        account.kind,
        ProviderAccount(
            base_url=account.base_url,
            account_sid=account.account_sid,
            auth_token=account.auth_token.get_secret_value(),
            api_key=account.api_key,
            api_secret="" if account.api_secret is None else account.api_secret.get_secret_value(),
            access_token=account.access_token.get_secret_value(),
            marketing_endpoint=account.marketing_endpoint,
            smpp=smpp_account(name, account),
            status_callback_url=f"{settings.web.address}/webhooks/twilio/{name.lower()}",
            request_timeout=account.request_timeout,
            connections=settings.delivery.in_flight,
        ),
    )
