"""What has had its time goes, in small steps; what proves a wish, or is not over, stays."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from config.settings import SettingsError, load_settings
from pipeline.policy.retention import month_of, months_from
from pipeline.policy.vocabulary import MessageState, Stage
from pipeline.store import campaigns, chores, partitions
from pipeline.store.campaigns import Campaign
from tests.conftest import Recado
from tests.integration.world import NOW, World, numbers
from workers.clock import BusinessClock, machine_now
from workers.queues import QUEUED_STAGES
from workers.reports.balance import Balance, balance_of
from workers.retention import CHORE, Removal, RetentionKeeper, make_months, to_remove

OLD = NOW - timedelta(days=500)
YOUNG = NOW - timedelta(days=300)
EMPTY: dict[Stage, int] = dict.fromkeys(QUEUED_STAGES, 0)

pytestmark = pytest.mark.usefixtures("still")


def ended(world: World, code: str, at: datetime) -> Campaign:
    campaign = world.campaign(code)
    world.execute(
        "UPDATE campaigns SET state = 'expired', state_changed_at = :at, swept = true "
        "WHERE id = :id",
        at=at,
        id=campaign.id,
    )
    return campaign


def decided(world: World, message_id: int, at: datetime) -> None:
    world.execute(
        "INSERT INTO decisions (message_id, decided_at, stage, outcome) "
        "VALUES (:id, :at, 'delivery', 'sent')",
        id=message_id,
        at=at,
    )


def removed(world: World, *, batch: int = 2) -> dict[str, int]:
    removal = Removal(world.runtime, batch=batch)
    while removal.step():
        pass
    return {kind: rows for kind, rows in removal.removed.items() if rows}


def balance(world: World, campaign: Campaign) -> Balance:
    assert campaign.id is not None
    with world.runtime.transaction() as connection:
        return balance_of(campaigns.counts(connection, campaign.id))


def parts_of(world: World) -> dict[str, int]:
    rows = world.query(
        "SELECT tableoid::regclass::text AS part, count(*) AS n FROM decisions GROUP BY 1"
    )
    return {row.part: row.n for row in rows}


def test_messages_of_campaigns_that_ended_long_ago_go_and_their_balance_stays(world: World) -> None:
    people = world.contacts(numbers(5))
    old, young = ended(world, "old", OLD), ended(world, "young", YOUNG)
    still = world.campaign("still")
    world.messages(old, people[:3], MessageState.SENT, sent_at=OLD)
    world.messages(old, people[3:], MessageState.BLOCKED, reason="no_consent")
    kept = world.messages(young, people, MessageState.SENT)
    kept += world.messages(still, people, MessageState.SENT, created_at=OLD)
    before = balance(world, old)

    assert removed(world) == {"messages": 5}

    assert sorted(world.states()) == sorted(kept)
    assert balance(world, old) == before
    assert before.lines["sent"] == 3
    assert removed(world) == {}


def test_a_run_tells_of_every_kind_that_a_dry_one_tells_of(world: World) -> None:
    removal = Removal(world.runtime)
    while removal.step():
        pass
    assert removal.removed == to_remove(world.runtime)
    assert list(removal.removed) == list(to_remove(world.runtime))


def test_a_clock_that_runs_ahead_makes_nothing_old(world: World) -> None:
    young = ended(world, "young", machine_now() - timedelta(days=300))
    world.messages(young, world.contacts(numbers(2)), MessageState.SENT)
    decided(world, 1, machine_now())
    ahead = machine_now() + timedelta(days=3650)
    world.runtime.clock = BusinessClock(start=ahead, speed=0.0, origin=NOW)
    assert removed(world) == {}


def test_a_message_in_doubt_is_not_over_however_old(world: World) -> None:
    people = world.contacts(numbers(3))
    old = ended(world, "old", OLD)
    (doubtful,) = world.messages(old, people[:1], MessageState.IN_DOUBT, sent_at=OLD)
    world.messages(old, people[1:], MessageState.SENT)

    assert removed(world, batch=1) == {"messages": 2}
    assert world.states() == {doubtful: "in_doubt"}


def test_a_campaign_that_was_not_swept_waits(world: World) -> None:
    old = ended(world, "old", OLD)
    world.execute("UPDATE campaigns SET swept = false")
    world.messages(old, world.contacts(numbers(1)), MessageState.SENT)
    assert removed(world) == {}


def test_a_month_of_decisions_is_dropped_whole_and_the_rest_row_by_row(world: World) -> None:
    long_ago = month_of(OLD)
    with world.runtime.transaction() as connection:
        made = partitions.make(connection, long_ago, months_from(long_ago, 1))
    for at in (long_ago, OLD, months_from(long_ago, -3), YOUNG, NOW):
        decided(world, 1, at)
    world.execute("ANALYZE decisions")
    assert parts_of(world) == {made: 2, "decisions_rest": 3}

    assert removed(world) == {"decisions": 3}
    assert parts_of(world) == {"decisions_rest": 2}


def test_months_are_made_ahead_and_once(world: World) -> None:
    assert make_months(world.runtime) == [
        "decisions_2026_11",
        "decisions_2026_12",
        "decisions_2027_01",
    ]
    assert make_months(world.runtime) == []
    month = month_of(NOW)
    last = months_from(month, 1) - timedelta(microseconds=1)
    for at in (month - timedelta(microseconds=1), month, last, months_from(month, 1)):
        decided(world, 1, at)
    assert parts_of(world) == {
        "decisions_rest": 1,
        "decisions_2026_11": 2,
        "decisions_2026_12": 1,
    }


def test_a_month_that_began_without_a_partition_stays_where_it_is(world: World) -> None:
    decided(world, 1, NOW)
    assert make_months(world.runtime) == ["decisions_2026_12", "decisions_2027_01"]
    decided(world, 2, NOW)
    assert parts_of(world) == {"decisions_rest": 2}


def test_decisions_are_written_while_a_month_waits_for_its_lock(world: World) -> None:
    with world.runtime.engine.connect() as reader:
        reader.exec_driver_sql("SELECT count(*) FROM decisions")  # holds the rest until the end
        assert make_months(world.runtime) == []
        decided(world, 1, NOW)
        reader.rollback()
    assert make_months(world.runtime) == ["decisions_2026_12", "decisions_2027_01"]


def test_a_month_that_somebody_reads_is_dropped_the_next_time(world: World) -> None:
    long_ago = month_of(OLD)
    with world.runtime.transaction() as connection:
        partitions.make(connection, long_ago, months_from(long_ago, 1))
    with world.runtime.engine.connect() as reader:
        reader.exec_driver_sql("SELECT count(*) FROM decisions")
        removed(world)
        decided(world, 1, OLD)
        reader.rollback()
    assert sum(parts_of(world).values()) == 1
    removed(world)
    assert parts_of(world) == {}


def test_counts_and_ids_go_when_nothing_looks_at_them_any_more(world: World) -> None:
    sender = world.sender()
    first, second, third = world.contacts(numbers(3))
    for person, at in ((first, OLD), (second, NOW), (third, OLD)):
        world.execute(
            "INSERT INTO frequency_use VALUES (:id, 'acme', 'marketing', ARRAY[:at], '{}', '{}')",
            id=person,
            at=at,
        )
    for at in (OLD, YOUNG, NOW):
        world.execute("INSERT INTO sender_hours VALUES (:id, :at, 1, 0)", id=sender.id, at=at)
        world.execute("INSERT INTO quota_use VALUES (:id, :at, 1)", id=sender.id, at=at)
        world.execute("INSERT INTO receipt_ids VALUES ('smsc', :name, 1, :at)", name=str(at), at=at)
    expected = {"frequency_use": 2, "sender_hours": 1, "quota_use": 2, "receipt_ids": 2}

    found = {kind: rows for kind, rows in to_remove(world.runtime).items() if rows}
    assert found == expected
    assert removed(world, batch=1) == expected
    (use,) = world.query("SELECT contact_id FROM frequency_use")
    assert use.contact_id == second


def test_answers_that_were_no_wish_go_and_every_proof_of_one_stays(world: World) -> None:
    (person,) = world.contacts(numbers(1))
    intents = ("none", "help", "opt_out", "complaint", "review", "opt_in")
    for number, intent in enumerate(intents):
        world.execute(
            "INSERT INTO inbound_messages (id, source, provider_id, contact_id, address, body, "
            "received_at, intent, handled_at) OVERRIDING SYSTEM VALUE "
            "VALUES (:id, 'sandbox', :intent, :person, 'us', 'text', :at, :intent, :at)",
            id=number + 1,
            intent=intent,
            person=person,
            at=OLD,
        )
    world.execute(
        "INSERT INTO notices (inbound_id, kind, contact_id, business, sender_id, body, state, "
        "created_at) VALUES (2, 'help', :person, 'acme', 1, 'text', 'sent', :at), "
        "(3, 'confirmation', :person, 'acme', 1, 'text', 'sent', :at)",
        person=person,
        at=OLD,
    )
    world.execute(
        "INSERT INTO audit_events (occurred_at, actor, action, subject, reason) "
        "VALUES (:at, 'ana', 'sender_lifted', 'us', 'mended')",
        at=OLD,
    )

    assert removed(world) == {"notices": 1, "replies": 2}

    left = world.query("SELECT intent FROM inbound_messages ORDER BY id")
    assert [row.intent for row in left] == ["opt_out", "complaint", "review", "opt_in"]
    assert len(world.query("SELECT FROM notices")) == 1
    assert len(world.query("SELECT FROM audit_events")) == 1


def test_one_dispatcher_removes_and_the_others_leave_it_to_that_one(world: World) -> None:
    old = ended(world, "old", OLD)
    world.messages(old, world.contacts(numbers(2)), MessageState.SENT)
    until = machine_now() + timedelta(minutes=5)
    with world.runtime.transaction() as connection:
        assert chores.take(connection, CHORE, machine_now=machine_now(), until=until)
    RetentionKeeper(world.runtime).look(EMPTY)
    assert len(world.states()) == 2

    # Its lease has run out: somebody else takes it up.
    with world.runtime.transaction() as connection:
        chores.keep(connection, CHORE, until=machine_now())
    RetentionKeeper(world.runtime).look(EMPTY)
    assert world.states() == {}


def test_nothing_is_removed_while_the_queues_are_long(world: World) -> None:
    old = ended(world, "old", OLD)
    world.messages(old, world.contacts(numbers(1)), MessageState.SENT)
    RetentionKeeper(world.runtime).look(EMPTY | {Stage.DELIVERY: 500})
    assert len(world.states()) == 1


def test_fewer_months_than_the_rules_allow_stop_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECADO_RETENTION__DECISIONS", "11")
    with pytest.raises(SettingsError, match="RECADO_RETENTION__DECISIONS"):
        load_settings()


def test_the_command_says_what_it_would_do_and_then_does_it(world: World, recado: Recado) -> None:
    old = ended(world, "old", OLD - timedelta(days=3650))
    world.messages(old, world.contacts(numbers(3)), MessageState.SENT)

    told = json.loads(recado("retention", "run", "--dry-run", "--json").stdout)
    assert (told["dry_run"], told["removed"]["messages"]) == (True, 3)
    assert len(world.states()) == 3

    done = recado("retention", "run").stdout
    assert "messages" in done
    assert world.states() == {}
