"""`recado senders` and `recado audit`: who may send, and who said so."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.policy.vocabulary import Tier
from pipeline.store import quotas, sender_counts
from tests.integration.leavers import Leavers
from tests.integration.world import World, numbers
from workers.cli.actor import LONGEST_REASON, checked_text
from workers.cli.output import CommandError
from workers.clock import machine_now
from workers.sender_watch import SenderWatch

Recado = Callable[..., Any]


@pytest.fixture
def over(world: World) -> None:
    """A sender above a threshold, suspended by the dispatcher's look, and one that is new."""
    sender = world.sender()
    now = machine_now()
    with world.runtime.transaction() as connection:
        sender_counts.count(connection, sent={sender.id: 1250}, violations={}, now=now)
        quotas.add(connection, {(sender.id, now): 40})
    leavers = Leavers(world)
    for person in world.contacts(numbers(7)):
        leavers.opt_out(person, now - timedelta(minutes=1), sender_id=sender.id)
    world.sender("us-2", tier=Tier.NEW, business="other")
    SenderWatch(world.runtime).look()


@pytest.mark.usefixtures("over")
def test_senders_are_listed_with_what_was_seen_and_lifted_with_a_reason(recado: Recado) -> None:
    saw = "opt-out rate 0.56 % of 1,250 messages in 7 days, limit 0.5 %"

    listed = json.loads(recado("senders", "list", "--business", "acme", "--json").stdout)

    (sender,) = listed
    assert (sender["id"], sender["state"], sender["state_reason"]) == ("us", "suspended", saw)
    assert (sender["rule"], sender["since"] is not None) == ("us_optout_rate", True)
    rates = {one["rule"]: (one["standing"], one["counted"]) for one in sender["thresholds"]}
    assert rates == {"us_optout_rate": ("over", 7), "us_noncompliance_rate": ("within", 0)}
    assert sender["registration"]["status"] == "approved"
    told = recado("senders", "list").stdout
    assert f": {saw}, rule us_optout_rate\n" in told
    assert f"threshold     {saw}, rule us_optout_rate  (above)" in told
    assert "quota         0 of 500 in 24 h, rule us_" in told
    assert told.endswith("2 in all\n")

    lifted = recado("senders", "lift", "us", "--reason", "the text was changed", "--by", "ana")
    assert lifted.stdout == f"us is active by ana (was suspended ({saw}))\n"
    again = recado("senders", "lift", "us", "--reason", "x")
    assert (again.returncode, again.stdout) == (0, "us is active already\n")

    trail = json.loads(recado("audit", "list", "--subject", "us", "--json").stdout)
    assert [(one["action"], one["actor"], one["reason"]) for one in trail] == [
        ("sender_suspended", "dispatch", saw),
        ("sender_lifted", "ana", "the text was changed"),
    ]


def test_an_operator_suspends_and_a_file_does_not_undo_it(
    recado: Recado, senders_file: Path
) -> None:
    recado("senders", "import", senders_file)
    code = "loja-azul-us"
    done = recado("senders", "suspend", code, "--reason", "wrong\x1b[2J text", "--json")
    assert json.loads(done.stdout)["changed"] is True

    again = recado("senders", "import", senders_file)

    assert again.stdout == (
        "1 taken, 0 changed, 0 refused\n"
        f"  {code} stays suspended (wrong[2J text); once its cause is mended: "
        f"recado senders lift {code} --reason …\n"
    )
    listed = recado("audit", "list", "--since", "2020-01-01").stdout
    assert f"sender_suspended   {code}  by " in listed
    assert ": wrong[2J text\n1 in all\n" in listed


@pytest.mark.usefixtures("over")
def test_a_name_that_nobody_has_is_told_with_the_nearest(recado: Recado) -> None:
    unknown = recado("senders", "suspend", "us-3", "--reason", "x")
    assert (unknown.returncode, unknown.stderr) == (
        2,
        "recado: no sender has the id 'us-3'; did you mean us-2?\n",
    )
    subject = recado("audit", "list", "--subject", "uss")
    assert (subject.returncode, "did you mean us?" in subject.stderr) == (2, True)


def test_a_reason_is_a_text_that_can_be_kept() -> None:
    assert checked_text("--reason", " wrong\n\x1b[2Jtext ", LONGEST_REASON) == "wrong [2Jtext"
    with pytest.raises(CommandError, match="--reason is empty"):
        checked_text("--reason", " \x00 ", LONGEST_REASON)
    with pytest.raises(CommandError, match="longer than 500 characters"):
        checked_text("--reason", "x" * 501, LONGEST_REASON)
