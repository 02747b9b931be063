"""What an operator sets: environment variables with the prefix ``RECADO_``, or a ``.env`` file.

Nested values are joined with two underscores: ``RECADO_PROVIDERS__ACME__BASE_URL``. A value that
cannot be used stops the start with the variable's name; so does a name that nobody knows, because
a misspelt ``RECADO_DATABASE_URL`` would otherwise start an embedded server in production.
"""

import difflib
import os
from datetime import date, timedelta
from pathlib import Path
from typing import Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from config.bounds import IntakeSettings, RetentionSettings
from config.provider_accounts import NEEDED, check_base_url, check_sending
from config.smpp_settings import SmppFields, SmppSettings

PREFIX = "RECADO_"


def _revealed(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


class SettingsError(Exception):
    """A setting that cannot be used; the text names the variable and never shows a secret."""


class ProviderSettings(SmppFields, extra="forbid"):
    """One account at a provider; its name is the key under ``RECADO_PROVIDERS__``.

    Senders refer to it by that name, in lower case.

    Attributes:
        base_url: empty for Twilio and WhatsApp: the provider's own address.
        api_key, api_secret: a key of Twilio's (``SK…``) to ask with, instead of `auth_token`,
            which signs the webhooks all the same.
        marketing_endpoint: whether WhatsApp's marketing templates go to ``/marketing_messages``.
    """

    kind: Literal["sandbox", "twilio", "whatsapp_cloud", "smpp", "inbound"]
    base_url: str = Field(default="", max_length=2048)
    account_sid: str = Field(default="AC00000000000000000000000000000000", max_length=128)
    auth_token: SecretStr = SecretStr("sandbox")
    api_key: str = Field(default="", max_length=128)
    api_secret: SecretStr | None = None
    access_token: SecretStr = SecretStr("sandbox")
    marketing_endpoint: bool = True
    app_secret: SecretStr | None = None
    verify_token: SecretStr | None = None
    webhook_secret: SecretStr | None = None
    request_timeout: float = Field(default=20.0, gt=0, le=300)

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        for name in NEEDED[self.kind]:
            given = getattr(self, name)
            text = given.get_secret_value() if isinstance(given, SecretStr) else given
            if not text or name not in self.model_fields_set:
                raise ValueError(f"an account of kind {self.kind} needs {name.upper()}")
        if self.kind == "smpp":
            self.check_smpp(self.base_url)
        elif self.base_url:
            check_base_url(self.kind, self.base_url)
        if bool(self.api_key) != (self.api_secret is not None):
            raise ValueError("API_KEY and API_SECRET are needed together")
        return self

    def secret_for(self, webhook: Literal["twilio", "whatsapp", "inbound"]) -> str | None:
        """The secret that signs this account's webhooks; None: it has no such webhook.

        An account of Twilio's may have a second one, a shared key: it is `webhook_secret`.
        """
        if webhook == "inbound":
            return _revealed(self.webhook_secret)
        if self.kind == "sandbox":
            return (
                self.auth_token.get_secret_value()
                if webhook == "twilio"
                else (_revealed(self.app_secret) or "sandbox")
            )
        if webhook == "twilio" and self.kind == "twilio":
            return self.auth_token.get_secret_value()
        if webhook == "whatsapp" and self.kind == "whatsapp_cloud":
            return _revealed(self.app_secret)
        return None


class WebSettings(BaseModel, extra="forbid"):
    """How `recado web` serves.

    Attributes:
        public_url: how the world reaches it, without a path: ``https://hooks.example.com``.
            Twilio signs the address that it calls, and no header of a request may choose what
            that was. None: the host and port.
        largest_body_bytes: a longer body is refused. WhatsApp sends up to 3 MB.
    """

    host: str = Field(default="127.0.0.1", min_length=1, max_length=255)
    port: int = Field(default=8080, ge=0, le=65_535)
    public_url: str | None = Field(default=None, pattern=r"^https?://[^/?#\s]+$", max_length=255)
    largest_body_bytes: int = Field(default=4 * 1024 * 1024, ge=1024, le=64 * 1024 * 1024)

    @property
    def address(self) -> str:
        """How providers reach it, without a path."""
        if self.public_url is not None:
            return self.public_url
        # What listens on every address is reached here by the machine's own name.
        host = "localhost" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104 - compared
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


class DeliverySettings(BaseModel, extra="forbid"):
    """How much one delivery process takes on itself.

    Attributes:
        in_flight: messages that one process has on their way at most: about to leave, or without
            an answer yet; it keeps as many connections.
        claim_size: messages that one claim takes at most; each claim is one commit.
        look_up_seconds: from a doubt to the first look-up at its provider; the later ones follow
            in growing pauses, multiples of this. A provider lists a message some seconds after
            it took it: keep it at a minute or more where messages are real.
    """

    in_flight: int = Field(default=640, ge=1, le=10_000)
    claim_size: int = Field(default=128, ge=1, le=1000)
    look_up_seconds: float = Field(default=60.0, gt=0, le=86_400)


class DispatchSettings(BaseModel, extra="forbid"):
    """How `recado dispatch` works.

    Attributes:
        round_seconds: pause between two rounds.
        horizon_seconds: each sender is given as many messages as it may send in this time.
        outstanding: messages that may be handed out and not yet sent, over all senders.
        fail_over_seconds: when a sender's account has rested for so long, another sender takes
            its messages.
        stage_queue_chunks: releasing pauses while the consent queue holds this many chunks, so
            that a million messages due at one instant do not all move into Redis.
    """

    round_seconds: float = Field(default=0.2, gt=0, le=60)
    horizon_seconds: float = Field(default=1.5, gt=0, le=60)
    outstanding: int = Field(default=8000, ge=1, le=1_000_000)
    fail_over_seconds: float = Field(default=30.0, ge=0, le=86_400)
    stage_queue_chunks: int = Field(default=20, ge=1, le=1000)


class LeaseSettings(BaseModel, extra="forbid"):
    """How long work belongs to whom took it; afterwards somebody else takes it up.

    Attributes:
        stream_seconds: an entry of the stream, to the intake that has read it.
        queue_seconds: a row, to the queue that it was put in. The dispatcher then enqueues it
            again, unless the queue is long: then it is only late.
        sending_seconds: a message, to the worker that sends it; then it is in doubt. Every
            account's `request_timeout` is shorter, or answers would come after the doubt.
    """

    stream_seconds: float = Field(default=60.0, ge=1, le=3600)
    queue_seconds: float = Field(default=60.0, ge=1, le=3600)
    sending_seconds: float = Field(default=90.0, ge=1, le=3600)

    @property
    def queue(self) -> timedelta:
        """The lease of a row in a queue."""
        return timedelta(seconds=self.queue_seconds)

    @property
    def sending(self) -> timedelta:
        """The lease of a message that is being sent."""
        return timedelta(seconds=self.sending_seconds)


class FaultSettings(BaseModel, extra="forbid"):
    """A fault that a process brings upon itself: for the fault tests, never in production.

    Attributes:
        point: where, one of the names in ``workers/faultpoints.py``; None: nowhere.
        action: what happens there: SIGKILL, or SIGSTOP.
        passage: which time that the process comes there; 1 for the first.
        token: a file that whoever does it removes first; without the file nobody does it. None:
            every process that comes there does it.
        orders: a folder that is looked at whenever the process comes to a place: a file of the
            place's name is removed, and what it holds (``kill`` or ``freeze``) is done.
    """

    point: str | None = Field(default=None, max_length=64)
    action: Literal["kill", "freeze"] = "kill"
    passage: int = Field(default=1, ge=1)
    token: Path | None = None
    orders: Path | None = None


class Settings(BaseSettings):
    """Every setting of a Recado process."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", env_file=".env", extra="ignore"
    )

    database_url: SecretStr | None = None
    redis_url: SecretStr | None = None
    home: Path = Path(".recado")
    providers: dict[str, ProviderSettings] = Field(default_factory=dict)
    clock_start: AwareDatetime | None = None
    clock_speed: float = Field(default=1.0, gt=0, le=1_000_000)
    closed_days: list[date] = Field(default_factory=list)
    hash_key: SecretStr | None = None
    policies: Path | None = None
    overlays: list[str] = Field(default_factory=list)
    length: Literal["warn", "block"] = "warn"
    log_format: Literal["json", "console"] = "json"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    delivery: DeliverySettings = DeliverySettings()
    dispatch: DispatchSettings = DispatchSettings()
    leases: LeaseSettings = LeaseSettings()
    intake: IntakeSettings = IntakeSettings()
    retention: RetentionSettings = RetentionSettings()
    web: WebSettings = WebSettings()
    smpp: SmppSettings = SmppSettings()
    fault: FaultSettings = FaultSettings()

    @model_validator(mode="after")
    def _sandbox_has_secrets(self) -> Self:
        """Everybody knows a sandbox's own secrets: beside real accounts it must have others."""
        if any(account.kind != "sandbox" for account in self.providers.values()):
            for name, account in self.providers.items():
                missing = {"auth_token", "app_secret"} - account.model_fields_set
                if account.kind == "sandbox" and missing:
                    raise ValueError(
                        f"the sandbox account {name} stands beside real ones and needs an "
                        f"{min(missing).upper()} of its own"
                    )
        return self

    @model_validator(mode="after")
    def _twilio_can_call_us(self) -> Self:
        """Twilio refuses every message that names an address that it cannot call."""
        for name, account in self.providers.items():
            if account.kind == "twilio" and not account.base_url and self.web.public_url is None:
                raise ValueError(
                    f"the account {name} of kind twilio needs {PREFIX}WEB__PUBLIC_URL: Twilio "
                    "must be able to call it"
                )
        return self

    @model_validator(mode="after")
    def _answers_come_before_the_doubt(self) -> Self:
        sending = {name: one for name, one in self.providers.items() if one.kind != "inbound"}
        timeouts = {name: one.request_timeout for name, one in sending.items()}
        check_sending(self.leases.sending_seconds, timeouts)
        return self

    @field_validator("providers")
    @classmethod
    def _lower_names(cls, value: dict[str, ProviderSettings]) -> dict[str, ProviderSettings]:
        return {name.lower(): provider for name, provider in value.items()}


def load_settings(env_file: Path | None = Path(".env")) -> Settings:
    """Read the settings of this process.

    Raises:
        SettingsError: a value cannot be used, or a ``RECADO_`` variable has an unknown name.
    """
    _refuse_unknown_names()
    try:
        return Settings(_env_file=env_file)  # type: ignore[call-arg]
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = PREFIX + "__".join(str(part) for part in first["loc"]).upper()
        raise SettingsError(f"{name}: {first['msg']}") from None
    except ValueError as error:
        # pydantic-settings raises this for a complex value that is not JSON.
        raise SettingsError(f"a {PREFIX} variable cannot be read: {error}") from None


def _refuse_unknown_names() -> None:
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    for name in os.environ:
        if not name.startswith(PREFIX):
            continue
        if not any(name == k or name.startswith(k + "__") for k in known):
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; known: {', '.join(known)}"
            raise SettingsError(f"{name}: no such setting{hint}")
