"""Every scenario, by its name."""

from benchmarks.faults.scenario import Scenario
from benchmarks.faults.scenarios import (
    freezes,
    kills,
    providers,
    redis_away,
    rolling,
    store_away,
    times,
    versions,
    wires,
)

ALL: dict[str, Scenario] = {
    scenario.name: scenario
    for module in (
        kills,
        freezes,
        redis_away,
        store_away,
        wires,
        providers,
        rolling,
        versions,
        times,
    )
    for scenario in module.SCENARIOS
}
