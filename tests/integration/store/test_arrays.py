"""Array literals of our own come back from PostgreSQL as what went in."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from pipeline.store import arrays
from tests.integration.world import World

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
"""Whatever PostgreSQL can hold."""

ONE_WORLD = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def _read(world: World, literal: str, kind: str) -> object:
    with world.runtime.transaction() as connection:
        return connection.execute(
            text(f"SELECT CAST(:literal AS {kind}[])"), {"literal": literal}
        ).scalar_one()


@given(values=st.lists(TEXT | st.none()))
@ONE_WORLD
def test_texts(world: World, values: list[str | None]) -> None:
    assert _read(world, arrays.texts(values), "text") == values


def test_texts_that_look_like_something_else(world: World) -> None:
    values = ["", "NULL", "null", "{}", "a,b", ' "x" ', "\\", "a\nb", "é"]
    assert _read(world, arrays.texts(values), "text") == values


def test_whole_numbers(world: World) -> None:
    values = [0, -1, 2**63 - 1]
    assert _read(world, arrays.integers(values), "bigint") == values


def test_instants_whatever_their_offset(world: World) -> None:
    noon = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)
    values = [noon, None, noon.astimezone(timezone(-timedelta(hours=3, minutes=30)))]
    assert _read(world, arrays.instants(values), "timestamptz") == values
