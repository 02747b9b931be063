from datetime import date
from pathlib import Path

from benchmarks.packs import without_thresholds
from config.policies import load_policies


def test_the_packs_of_a_measurement_lack_the_thresholds_and_nothing_else(tmp_path: Path) -> None:
    whole, measured = load_policies(), load_policies(without_thresholds(tmp_path / "packs"))
    for country in ("US", "BR", "IN", "PE", "ES"):
        all_rules = whole.for_country(country, date(2026, 11, 23))
        kept = measured.for_country(country, date(2026, 11, 23))
        assert all_rules is not None
        assert kept is not None
        assert kept.thresholds == ()
        expected = {rule.id for rule in all_rules.rules if rule.kind != "threshold"}
        assert {rule.id for rule in kept.rules} == expected
