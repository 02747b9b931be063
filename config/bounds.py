"""What an operator sets of how much is taken in at a time, and of how long it is kept."""

from pydantic import BaseModel, Field

from pipeline.policy.retention import SHORTEST_MONTHS


class IntakeSettings(BaseModel, extra="forbid"):
    """How `recado intake` reads.

    Attributes:
        undecided: messages that were taken in and that no stage has decided about; with more of
            them reading pauses, so that the stream fills and producers wait.
    """

    undecided: int = Field(default=200_000, ge=1000, le=100_000_000)


class RetentionSettings(BaseModel, extra="forbid"):
    """How long what was done is kept, in months; the rules want twelve at least.

    Attributes:
        messages: of campaigns that have ended, from their end on.
        decisions: from the month in which they were made.
    """

    messages: int = Field(default=13, ge=SHORTEST_MONTHS, le=1200)
    decisions: int = Field(default=13, ge=SHORTEST_MONTHS, le=1200)
