"""What a reply means: the steps, in their order; the first that has an answer gives it."""

from collections.abc import Callable

from pipeline.policy.replies import certain, likely
from pipeline.policy.replies.meaning import Intent, Understanding
from pipeline.policy.replies.reading import Reading

Step = Callable[[Reading], Understanding | None]

STEPS: tuple[Step, ...] = (
    certain.command,
    certain.come_back,
    certain.complaint,
    certain.wrong_number,
    certain.whole,
    certain.phrase,
    likely.automatic,
    likely.helping,
    likely.prefix,
    likely.typo,
    likely.sentence,
    likely.doubt,
)
"""Surest first. Complaints come before what they are also: a wish to leave."""


def answer(reading: Reading) -> Understanding:
    """What the first step says that has an answer."""
    for step in STEPS:
        understood = step(reading)
        if understood is not None:
            return understood
    return Understanding(intent=Intent.NONE)
