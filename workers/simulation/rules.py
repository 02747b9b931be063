"""The rules that a simulation decides by: the operator's own, and overlays that are tried on."""

from collections.abc import Sequence

from config.policies import Policies
from config.settings import load_settings
from pipeline.policy.window_table import WindowTable
from pipeline.stages.books import Books
from workers.runtime import read_ahead

_OUTLOOKS = 65_536
"""Windows are asked about on every day of a campaign, for every set of zones."""


def read_rules(overlays: Sequence[str]) -> tuple[Policies, Books]:
    """The rules of the settings, with these overlays switched on besides.

    Raises:
        SettingsError: a setting cannot be used.
        PolicyError: a pack cannot be used, or there is no overlay of such a name.
    """
    policies, languages = read_ahead(load_settings())
    if overlays:
        policies = policies.with_overlays(overlays)
    return policies, Books(policies, WindowTable(capacity=_OUTLOOKS), words=languages.words)
