"""Where PostgreSQL and Redis are: as the settings say, or embedded when they say nothing."""

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from config.settings import Settings

if TYPE_CHECKING:
    from workers.embedded import EmbeddedServers


class ServersError(Exception):
    """The servers cannot be had; the text tells what to do."""


@dataclass(frozen=True, slots=True)
class Servers:
    """The addresses of the two servers, and the hold on them when they are embedded."""

    database_url: str
    redis_url: str
    embedded: "EmbeddedServers | None" = None

    @classmethod
    def find(cls, settings: Settings) -> "Servers":
        """The servers of the settings; with neither URL set, the embedded ones, started.

        Raises:
            ServersError: only one URL is set, or the embedded servers cannot be started.
        """
        if settings.database_url is not None and settings.redis_url is not None:
            return cls(
                settings.database_url.get_secret_value(), settings.redis_url.get_secret_value()
            )
        if settings.database_url is not None or settings.redis_url is not None:
            missing = "RECADO_REDIS_URL" if settings.redis_url is None else "RECADO_DATABASE_URL"
            raise ServersError(
                f"{missing} is not set and the other URL is; set both, or neither to use the "
                "embedded servers"
            )
        try:
            # A library of theirs warns of a folder that we do not use.
            warnings.filterwarnings("ignore", category=UserWarning, module="platformdirs")
            # A production install has no embedded servers, and needs none.
            from workers.embedded import EmbeddedError, EmbeddedServers  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise ServersError(
                "no RECADO_DATABASE_URL and RECADO_REDIS_URL are set, and this installation has "
                f"no embedded servers ({error.name} is missing)"
            ) from None
        embedded = EmbeddedServers(settings.home)
        try:
            addresses = embedded.acquire()
        except EmbeddedError as error:
            raise ServersError(str(error)) from error
        return cls(addresses.database_url, addresses.redis_url, embedded)

    def close(self) -> None:
        """Let go of the embedded servers, if they are ours to hold."""
        if self.embedded is not None:
            self.embedded.release()
