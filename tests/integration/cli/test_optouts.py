"""`recado optouts report`: what it prints, and how it ends."""

import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from pipeline.policy.vocabulary import MessageState
from tests.integration.leavers import HOUR, SECOND, Leavers
from tests.integration.world import World
from workers.clock import machine_now

PHONE = "+5511987654321"
Recado = Callable[..., Any]


@pytest.fixture
def leavers(world: World) -> Leavers:
    world.sender()
    return Leavers(world)


@pytest.fixture
def people(leavers: Leavers) -> Sequence[int]:
    return leavers.world.contacts([PHONE])


def test_a_period_in_which_every_promise_was_kept(
    recado: Recado, leavers: Leavers, people: Sequence[int]
) -> None:
    now = machine_now()
    leavers.opt_out(people[0], now - timedelta(days=2))
    leavers.opt_out(people[0], now - timedelta(days=31), force=3 * HOUR)  # before the 30 days

    done = recado("optouts", "report", "--json")

    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert (told["kept"], told["opt_outs"], told["clock_speed"]) == (True, 1, 1.0)
    text = recado("optouts", "report").stdout
    assert "1 opt-outs of 1 people" in text
    assert "deadline in US: 1 h, rule us_optout_sla" in text
    assert text.endswith("every deadline was met, and nothing was sent after force\n")


def test_what_was_broken_is_listed_and_ends_with_1(
    recado: Recado, leavers: Leavers, people: Sequence[int]
) -> None:
    world = leavers.world
    left = machine_now() - timedelta(days=2)
    late = leavers.opt_out(people[0], left, force=HOUR + SECOND)
    (after,) = world.messages(
        world.campaign("[bold]"), people, MessageState.SENT, sent_at=left + 2 * HOUR
    )

    done = recado("optouts", "report")

    assert done.returncode == 1
    assert done.stderr == (
        "recado: 1 deadlines were broken; 1 messages were sent after an opt-out was in force\n"
    )
    assert f"opt-out {late} of +55•••••4321, US, acme: force after 1 h" in done.stdout
    assert f"message {after} of [bold] to +55•••••4321" in done.stdout
    assert PHONE not in done.stdout
    told = json.loads(recado("optouts", "report", "--json").stdout)
    assert told["kept"] is False
    assert [one["opt_out"] for one in told["breaches"]] == [late]
    assert [one["message"] for one in told["after_force"]["messages"]] == [after]


def test_the_period_is_half_open_and_a_day_belongs_to_it_whole(
    recado: Recado, leavers: Leavers, people: Sequence[int]
) -> None:
    left = (machine_now() - timedelta(days=5)).replace(hour=12, minute=0, second=0, microsecond=0)
    leavers.opt_out(people[0], left)

    def counted(*options: str) -> int:
        done = recado("optouts", "report", "--json", *options)
        assert done.returncode == 0, done.stderr
        return int(json.loads(done.stdout)["opt_outs"])

    day = f"{left:%Y-%m-%d}"
    assert counted("--from", day, "--to", day) == 1
    assert counted("--from", left.isoformat()) == 1
    assert counted("--from", day, "--to", left.isoformat()) == 0
    assert counted("--to", f"{left:%Y-%m-%dT13:30:00}+01:00") == 1
    assert counted("--business", "acme") == 1


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--from", "yesterday"], "--from is not a time"),
        (["--from", "2026-13-01"], "--from is not a time"),
        (["--to", "2026-11-01T10:00:00"], "--to has no offset from UTC"),
        (["--to", ""], "--to is empty"),
        (["--to", "0001-01-01"], "--to is out of range"),
        (["--from", "2026-11-02", "--to", "2026-11-01"], "which is not before"),
        (["--business", "acne"], "no business is called 'acne'; did you mean acme?"),
    ],
)
@pytest.mark.usefixtures("leavers")
def test_wrong_input_is_one_clear_line(recado: Recado, options: list[str], told: str) -> None:
    done = recado("optouts", "report", *options)
    assert done.returncode == 2
    assert done.stderr.startswith("recado: ")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
