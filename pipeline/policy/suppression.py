"""What a suppression stops."""

from pipeline.policy.vocabulary import Category

STOPS_EVERYTHING = frozenset({"wrong_number", "invalid_number", "do_not_contact", "legal"})
"""Reasons that stop transactional messages too: the number is not, or no longer, the person's.
Any other reason is a person's wish to leave, and ends marketing and public-service messages."""

EVERY_BUSINESS = "*"


def stops_everything(reason: str) -> bool:
    """Whether a suppression with this reason stops transactional messages too."""
    return reason.strip().casefold() in STOPS_EVERYTHING


def is_stopped(category: Category, *, everything: bool) -> bool:
    """Whether a suppression stops a message of this category."""
    return everything or category is not Category.TRANSACTIONAL
