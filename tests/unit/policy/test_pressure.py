import pytest

from pipeline.policy.pressure import Load, Pressure, Strain, retry_after_seconds, strains


@pytest.mark.parametrize(
    ("load", "pressure", "waits"),
    [
        (Load(memory=59, memory_limit=100), None, False),
        (Load(memory=60, memory_limit=100), Pressure.REDIS_MEMORY, False),
        (Load(memory=79, memory_limit=100), Pressure.REDIS_MEMORY, False),
        (Load(memory=80, memory_limit=100), Pressure.REDIS_MEMORY, True),
        (Load(memory=10**12, memory_limit=None), None, False),
        (Load(stream=99, stream_limit=100), None, False),
        (Load(stream=100, stream_limit=100), Pressure.STREAM, True),
        (Load(undecided=199, undecided_limit=200), None, False),
        (Load(undecided=200, undecided_limit=200), Pressure.UNDECIDED, True),
        (Load(connections=79, connections_limit=100), None, False),
        (Load(connections=80, connections_limit=100), Pressure.DATABASE_CONNECTIONS, False),
        (Load(connections=95, connections_limit=100), Pressure.DATABASE_CONNECTIONS, True),
        (Load(connections=None, connections_limit=100), None, False),
        (Load(), None, False),
    ],
)
def test_each_mark(load: Load, pressure: Pressure | None, *, waits: bool) -> None:
    found = strains(load)
    assert [(one.pressure, one.producers_wait) for one in found] == (
        [] if pressure is None else [(pressure, waits)]
    )
    assert (retry_after_seconds(found) is not None) == waits


def test_who_waits_for_several_waits_for_the_slowest() -> None:
    found = strains(Load(memory=9, memory_limit=10, stream=100, stream_limit=100))
    assert [one.pressure for one in found] == [Pressure.REDIS_MEMORY, Pressure.STREAM]
    assert retry_after_seconds(found) == retry_after_seconds(found[:1])
    assert found[0] == Strain(pressure=Pressure.REDIS_MEMORY, share=0.9, producers_wait=True)
