"""Puts a country's demands on texts together, category by category."""

from collections.abc import Mapping

from config.packs.rules_in_force import RulesInForce
from pipeline.policy.content.rules import ContentRules
from pipeline.policy.vocabulary import Category


def assemble_contents(
    rules: RulesInForce, *, length_blocks: bool
) -> Mapping[Category, ContentRules]:
    """The demands on the texts of each category.

    Args:
        length_blocks: whether a text longer than recommended is not sent; else it is warned of.
    """
    return {category: ContentRules() for category in Category}
