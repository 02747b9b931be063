"""The project's own tables and packs: what these tests show is what the lane does."""

from collections.abc import Callable
from datetime import date
from functools import cache

import pytest

from config.languages_file import Languages, load_languages
from config.policies import Policies, load_policies
from pipeline.policy.replies import understand
from pipeline.policy.replies.lexicon import Lexicon
from pipeline.policy.replies.meaning import Understanding

ON = date(2026, 11, 23)

Reader = Callable[..., Understanding]


@cache
def project_languages() -> Languages:
    return load_languages()


@cache
def project_policies() -> Policies:
    return load_policies()


@pytest.fixture(scope="session")
def lexicon() -> Lexicon:
    return project_languages().lexicon


@pytest.fixture(scope="session")
def policies() -> Policies:
    return project_policies()


@pytest.fixture(scope="session")
def read(lexicon: Lexicon, policies: Policies) -> Reader:
    """Understand a reply of somebody in a country, with that country's own words."""

    def reader(
        body: str,
        country: str | None = None,
        *,
        language: str | None = None,
        payload: str | None = None,
        asked_to_opt_in: bool = False,
    ) -> Understanding:
        policy = policies.for_country(country, ON) if country else None
        return understand(
            body,
            lexicon=lexicon,
            country=country,
            language=language,
            words=policy.opt_out.words if policy else (),
            payload=payload,
            asked_to_opt_in=asked_to_opt_in,
        )

    return reader
