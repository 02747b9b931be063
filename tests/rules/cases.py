"""For every rule that decides about a message: what it lets pass, and what it does not."""

from tests.rules.countries import brazil, europe, general, india, peru, united_states

CASES = (
    *general.CASES,
    *europe.CASES,
    *united_states.CASES,
    *brazil.CASES,
    *india.CASES,
    *peru.CASES,
)
