"""What a claimed message becomes for its provider, over a real database."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from pipeline.policy.vocabulary import Channel, MessageState, ParameterStyle
from pipeline.providers.base import OutboundMessage
from pipeline.stages import delivery
from pipeline.stages.delivery import Claimed
from pipeline.store import campaigns, senders
from pipeline.store.senders import Template
from tests.integration.stages.test_template_use import TEMPLATE
from tests.integration.world import NOW, World, numbers

OFFER = replace(TEMPLATE, channel=Channel.WHATSAPP, language="en", body="{brand}: {offer}, {name}!")


def compose(
    world: World,
    body: str,
    variables: Mapping[str, str],
    *,
    template: Template | None = OFFER,
    now: datetime = NOW,
    **changes: Any,
) -> OutboundMessage:
    """The message of a campaign with this body, to somebody with these values."""
    sender = world.sender(channel=Channel.WHATSAPP)
    if template is not None:
        with world.runtime.transaction() as connection:
            senders.save_templates(connection, [template], now=NOW)
    campaign = world.campaign(
        channel=Channel.WHATSAPP,
        body=body,
        template_code="offer",
        variables=tuple(variables),
        **changes,
    )
    ids = world.messages(
        campaign,
        world.contacts(numbers(1)),
        MessageState.READY,
        sender_id=sender.id,
        variables=dict(variables),
        window_closes_at=NOW + timedelta(hours=1),
    )
    (parcel,) = world.parcels(ids)
    claimed = Claimed(parcel=parcel, attempt=1, claimed_at=NOW, counted=None, quota=False)
    with world.runtime.transaction() as connection:
        stored = campaigns.by_ids(connection, [campaign.id])[campaign.id]
    return delivery.compose(claimed, stored, sender, now=now)


@pytest.mark.parametrize(
    ("body", "variables", "parameters"),
    [
        (
            "{brand}: {offer}, {name}!",
            {"name": "Ana", "brand": "Acme", "offer": "5%"},
            "Acme|5%|Ana",
        ),
        # The body fills in what is the same for everybody.
        ("Acme: 15% off, {first}!", {"first": "Ana"}, "Acme|15% off|Ana"),
        ("Acme: 15% off, friend!", {}, "Acme|15% off|friend"),
    ],
)
def test_parameters_are_the_templates_in_its_order(
    world: World, body: str, variables: dict[str, str], parameters: str
) -> None:
    message = compose(world, body, variables)
    assert "|".join(message.template_parameters) == parameters
    assert message.template_parameter_names == ()


def test_a_template_that_names_its_variables_gets_them_by_name(world: World) -> None:
    named = replace(OFFER, parameters=ParameterStyle.NAMED)
    message = compose(world, "Acme: 15% off, {first}!", {"first": "Ana"}, template=named)
    assert message.template_parameter_names == ("brand", "offer", "name")


def test_the_language_is_the_templates(world: World) -> None:
    assert compose(world, "Acme: 15% off, you!", {}).template_language == "en"


def test_a_template_that_nobody_has_registered_gets_the_bodys_values(world: World) -> None:
    message = compose(world, "Hi {a} {b}", {"b": "2", "a": "1"}, template=None)
    assert message.template_parameters == ("2", "1")
    assert message.template_language == "en_US"


def test_media_go_with_it(world: World) -> None:
    url = "https://cdn.example.com/offer.jpg"
    assert compose(world, "Acme: 15% off, you!", {}, media_url=url).media_url == url


@pytest.mark.parametrize(("seconds", "left"), [(0, 3600), (3599.5, 0)])
def test_the_time_that_is_left_is_told_in_whole_seconds(
    world: World, seconds: float, left: int
) -> None:
    now = NOW + timedelta(seconds=seconds)
    assert compose(world, "Acme: 15% off, you!", {}, now=now).validity_seconds == left
