"""What people send back: a text, a pressed button, a setting of their app.

A `Reaction` is read from the sandbox's own JSON and becomes what the provider would post.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, ValidationError, model_validator

from workers.sandbox.callbacks import document
from workers.sandbox.options import WebhookAccount
from workers.sandbox.webhooks import RETRY_SECONDS, Webhook

MOST_REACTIONS = 10_000

_Text = Annotated[str, Field(max_length=65_536)]
_Name = Annotated[str, Field(min_length=1, max_length=256)]


class ReactionError(ValueError):
    """Reactions that cannot be; the text names the field."""


class Button(BaseModel, extra="forbid", frozen=True):
    """A template's button that was pressed."""

    payload: _Text
    text: _Text


class Reaction(BaseModel, extra="forbid", frozen=True):
    """One thing that one person does.

    Attributes:
        person: the number, E.164, in the JSON ``from``; None: known by `user_id` only.
        to: our sender's address.
        preference: the switch for marketing in the person's app.
        id: the provider's id of the event; None: a new one.
        opt_out_type: what Twilio itself has made of the text.
        user_id: the provider's own id of the person; WhatsApp only.
        timestamp: seconds since 1970; None: now. Twilio tells none.
        times: how often the same event is posted.
    """

    channel: Literal["sms", "whatsapp"]
    person: Annotated[_Name | None, Field(alias="from")] = None
    to: _Name
    body: _Text | None = None
    button: Button | None = None
    preference: Literal["stop", "resume"] | None = None
    id: _Name | None = None
    opt_out_type: Literal["STOP", "START", "HELP"] | None = None
    user_id: _Name | None = None
    timestamp: Annotated[int, Field(ge=0)] | None = None
    times: Annotated[int, Field(ge=1, le=1000)] = 1

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if sum(part is not None for part in (self.body, self.button, self.preference)) != 1:
            raise ValueError("give one of body, button and preference")
        if self.channel == "sms":
            if self.body is None or self.user_id is not None or self.person is None:
                raise ValueError("an SMS has from and body, no button, preference or user_id")
        elif self.opt_out_type is not None:
            raise ValueError("opt_out_type is Twilio's: only an SMS has it")
        elif self.person is None and self.user_id is None:
            raise ValueError("from or user_id is needed")
        return self

    def webhook(self, account: WebhookAccount, event_id: str, *, now: float) -> Webhook:
        """What the provider posts, signed.

        Args:
            account: whom to call.
            event_id: the id of the event.
            now: seconds since 1970, as the provider tells it.
        """
        if self.channel == "sms":
            url = account.url("twilio")
            return Webhook.twilio(url, self._form(event_id), account.auth_token)
        at = int(now) if self.timestamp is None else self.timestamp
        contact = {"profile": {"name": "Sandbox"}, **self._identity("wa_id", "user_id")}
        if self.preference is None:
            field, entry = "messages", self._message(event_id, at)
        else:
            field, entry = "user_preferences", self._setting(at)
        content = document(field, self.to, {"contacts": [contact], field: [entry]})
        return Webhook.meta(account.url("whatsapp"), content, account.app_secret)

    def _form(self, event_id: str) -> dict[str, str]:
        form = {
            "AccountSid": "AC00000000000000000000000000000000",
            "ApiVersion": "2010-04-01",
            "MessageSid": event_id,
            "SmsSid": event_id,
            "SmsMessageSid": event_id,
            "SmsStatus": "received",
            "From": self.person or "",
            "To": self.to,
            "Body": self.body or "",
            "NumMedia": "0",
            "NumSegments": "1",
        }
        if self.to.startswith("MG"):
            form["MessagingServiceSid"] = self.to
        if self.opt_out_type is not None:
            form["OptOutType"] = self.opt_out_type
        return form

    def _message(self, event_id: str, at: int) -> dict[str, Any]:
        message: dict[str, Any] = {
            **self._identity("from", "from_user_id"),
            "id": event_id,
            "timestamp": str(at),
        }
        if self.button is None:
            return message | {"type": "text", "text": {"body": self.body}}
        return message | {"type": "button", "button": self.button.model_dump()}

    def _setting(self, at: int) -> dict[str, Any]:
        return {
            **self._identity("wa_id", "user_id"),
            "detail": f"User requested to {self.preference} marketing messages",
            "category": "marketing_messages",
            "value": self.preference,
            "timestamp": at,
        }

    def _identity(self, number_field: str, id_field: str) -> dict[str, str]:
        # WhatsApp writes numbers without their plus sign.
        number = {} if self.person is None else {number_field: self.person.removeprefix("+")}
        return number if self.user_id is None else number | {id_field: self.user_id}


class Reactions(BaseModel, extra="forbid", frozen=True):
    """What several people do, in order.

    Attributes:
        concurrency: posted at once.
        per_second: begun in a second, evenly, however long the answers take (as far as
            `concurrency` goes); None: as fast as it goes.
        retry_seconds: how long one is posted again after a connection error or a 5xx.
    """

    replies: Annotated[list[Reaction], Field(max_length=MOST_REACTIONS)]
    concurrency: Annotated[int, Field(ge=1, le=256)] = 16
    per_second: Annotated[float, Field(gt=0, le=100_000)] | None = None
    retry_seconds: Annotated[float, Field(ge=0, le=600)] = RETRY_SECONDS


def read_reactions(content: object) -> Reactions:
    """Read one reaction, a list of them, or a list with how to post it.

    Raises:
        ReactionError: it is none of these; the text names the first wrong field.
    """
    if isinstance(content, list):
        content = {"replies": content}
    elif isinstance(content, dict) and "replies" not in content:
        content = {"replies": [content]}
    try:
        return Reactions.model_validate(content, strict=True)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ReactionError(f"{place}: {first['msg']}") from None
