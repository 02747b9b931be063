"""`recado bench optout` finds what went wrong, and blames nobody otherwise."""

from dataclasses import replace

from benchmarks.repliers import SENTENCES, WORDS, Reply, replies
from benchmarks.traffic import Request
from benchmarks.verdict import (
    Leaver,
    balance_problems,
    longest_after_force,
    problems,
)
from benchmarks.volley import NO_ANSWER, Answer
from benchmarks.world import SHARES, STARTS_AT, Person, people
from config.languages_file import load_languages
from config.policies import load_policies
from pipeline.policy.replies import understand
from pipeline.policy.replies.meaning import Intent
from pipeline.policy.vocabulary import MessageState
from workers.reports.balance import balance_of

ANA = Person("BR", "+5511999990001")

LEFT = Leaver(
    reply=Reply("SM-1", ANA, "SAIR"),
    answer=Answer("SM-1", 100.0, 100.0, 100.02, 200),
    received=100.005,
    in_force=100.015,
    cancelled=100.1,
    confirmed=100.2,
    confirmation="sent",
    stopped=1,
    suppressed=True,
    revoked=True,
    asked=(100.15,),
)


def test_an_opt_out_that_was_obeyed_gives_no_complaint() -> None:
    assert problems([LEFT, LEFT]) == []


def test_each_broken_promise_is_named() -> None:
    broken = {
        "were not answered with success (statuses: 503)": {
            "answer": replace(LEFT.answer, status=503)
        },
        "were not answered with success (statuses: none)": {
            "answer": replace(LEFT.answer, status=NO_ANSWER)
        },
        "are not suppressed": {"suppressed": False},
        "have no instant of force": {"in_force": None},
        "are not cancelled to the end": {"cancelled": None},
        "are not in the ledger": {"revoked": False},
        "are not confirmed (failed)": {"confirmation": "failed"},
        "got no confirmation": {"asked": ()},
        "got more than one confirmation": {"asked": (100.15, 100.3)},
    }
    for complaint, changes in broken.items():
        (found,) = problems([LEFT, replace(LEFT, **changes)])  # type: ignore[arg-type]
        assert found.startswith("1 of 2 ")
        assert found.endswith(complaint)


def test_a_message_after_force_is_measured_from_the_earlier_of_clock_and_answer() -> None:
    before = Request(100.010, 7, ANA.number, taken=True)
    after = Request(100.315, 8, ANA.number, taken=True)
    answer = Request(100.9, -3, ANA.number, taken=True)
    other = Request(101.0, 9, "+5511999990002", taken=True)

    assert longest_after_force([LEFT], [before, answer, other]) is None
    longest = longest_after_force([LEFT], [before, after, answer, other])
    assert longest is not None
    assert abs(longest - 0.3) < 1e-6


def test_the_balance_is_compared_with_what_was_enqueued_and_with_what_the_provider_took() -> None:
    found = balance_of({(MessageState.SENT, None): 2, (MessageState.BLOCKED, "suppressed"): 1})
    taken = [Request(1.0, number, ANA.number, taken=True) for number in (1, 2)]
    refused = Request(1.0, 3, ANA.number, taken=False)

    assert list(balance_problems(found, [*taken, refused], 3)) == []
    assert list(balance_problems(found, taken, 4)) == ["4 messages were enqueued, and 3 are stored"]
    assert list(balance_problems(found, [*taken, taken[0]], 3)) == ["1 messages were sent twice"]
    assert list(balance_problems(found, taken[:1], 3)) == [
        "1 messages were taken, and 2 are stored as sent"
    ]
    doubt = balance_of({(MessageState.SENT, None): 2, (MessageState.IN_DOUBT, None): 1})
    assert list(balance_problems(doubt, taken, 3)) == ["1 messages are in doubt"]


def test_everything_that_its_people_write_is_a_wish_to_leave() -> None:
    lexicon, policies = load_languages().lexicon, load_policies()
    for country in SHARES:
        policy = policies.for_country(country, STARTS_AT.date())
        assert policy is not None
        for body in (*WORDS[country], *SENTENCES[country]):
            meaning = understand(
                body, lexicon=lexicon, country=country, language=None, words=policy.opt_out.words
            )
            assert meaning.intent is Intent.OPT_OUT, (country, body)


def test_its_people_write_in_their_own_words_and_some_in_sentences() -> None:
    said = replies(people(500), name="x")

    assert len({one.id for one in said}) == 500
    assert all(
        one.body in (*WORDS[one.person.country], *SENTENCES[one.person.country]) for one in said
    )
    sentences = sum(one.body in SENTENCES[one.person.country] for one in said)
    assert 50 < sentences < 150
    assert [one.body for one in replies(people(500), name="x")] == [one.body for one in said]
