"""A publish that was done and whose reply is lost."""

from benchmarks.faults.scenario import LONGEST_ORDER, Breaker, Scenario


def _lost_replies(breaker: Breaker) -> None:
    for command in ("LPUSH", "XADD", "LPUSH", "LPUSH", "EXEC"):
        breaker.scene.pause(breaker.chance.uniform(0.0, 0.4))
        lost = breaker.scene.wire.lose_reply_to(command)
        with breaker.run.wanted():
            is_lost = breaker.scene.wait(lost, seconds=LONGEST_ORDER)
        if is_lost:
            breaker.note(f"lose Redis' reply to {command}")
        else:
            breaker.missed.append(f"lose Redis' reply to {command}")


SCENARIOS = (
    Scenario(
        name="reply-lost",
        breaks=("Redis takes a chunk or an entry, and its reply is lost with the connection"),
        act=_lost_replies,
        may_doubt=False,
    ),
)
