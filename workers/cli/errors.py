"""From a foreseen exception to one line on stderr and an exit code."""

from dataclasses import dataclass

import psycopg
from redis import RedisError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from config.policies import PolicyError
from config.settings import SettingsError
from pipeline.producer import ProducerError
from pipeline.store.campaigns import CampaignExistsError
from workers.cli.output import FAILED, UNUSABLE, CommandError
from workers.inputs.refusals import InputFileError
from workers.servers import ServersError


@dataclass(frozen=True, slots=True)
class Explained:
    """What the operator reads, and what the shell gets."""

    text: str
    exit_code: int


def explain_error(error: Exception) -> Explained | None:
    """The line for a foreseen error; None for one that is a mistake of ours."""
    match error:
        case CommandError():
            return Explained(str(error), error.exit_code)
        case SettingsError() | PolicyError() | InputFileError() | CampaignExistsError():
            return Explained(str(error), UNUSABLE)
        case ServersError() | ProducerError():
            return Explained(str(error), FAILED)
        case RedisError():
            text = f"Redis cannot be used: {_one_line(error)}; check RECADO_REDIS_URL"
            return Explained(text, FAILED)
        case DBAPIError() if isinstance(error.orig, psycopg.OperationalError):
            text = f"PostgreSQL cannot be used: {_one_line(error.orig)}; check RECADO_DATABASE_URL"
            return Explained(text, FAILED)
        case PoolTimeoutError():
            return Explained("PostgreSQL gives no connection; try again later", FAILED)
        case _:
            return None


def _one_line(error: BaseException) -> str:
    # Addresses stand in these messages, passwords do not.
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
