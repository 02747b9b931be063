"""The load generator posts on schedule, and hides no time that a post had to wait."""

import asyncio

from aiohttp import web

from benchmarks.volley import NO_ANSWER, Shot, fire
from workers.sandbox.webhooks import Webhook
from workers.stack.ports import free_port

SLOW = 0.2


def _shots(port: int, *dues: float) -> list[Shot]:
    webhook = Webhook(f"http://127.0.0.1:{port}/hook", b"Body=STOP", {})
    return [Shot(str(place), due, webhook) for place, due in enumerate(dues)]


async def _with_server(port: int, shots: list[Shot], connections: int) -> list[tuple[float, int]]:
    """(seconds from the scheduled instant to the answer, status) of each post."""

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        await asyncio.sleep(SLOW)
        return web.Response(status=202)

    application = web.Application()
    application.router.add_post("/hook", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        answers = await fire(shots, connections=connections)
    finally:
        await runner.cleanup()
    assert [one.id for one in answers] == [shot.id for shot in shots]
    return [(one.answered - one.due, one.status) for one in answers]


def test_slow_answers_do_not_slow_the_posts() -> None:
    port = free_port()
    shots = _shots(port, *(place * 0.02 for place in range(10)))

    found = asyncio.run(_with_server(port, shots, 100))

    assert all(status == 202 for _, status in found)
    # One after the other they would need ten times as long.
    assert all(SLOW <= seconds < 3 * SLOW for seconds, _ in found)


def test_a_post_that_had_to_wait_for_a_connection_is_timed_from_its_own_instant() -> None:
    port = free_port()

    found = asyncio.run(_with_server(port, _shots(port, 0.0, 0.0, 0.0), 1))

    waited = sorted(seconds for seconds, _ in found)
    assert waited[0] >= SLOW
    assert waited[1] >= 2 * SLOW
    assert waited[2] >= 3 * SLOW


def test_nobody_there_is_no_answer() -> None:
    answers = asyncio.run(fire(_shots(free_port(), 0.0), connections=1))

    assert [(one.status, one.taken) for one in answers] == [(NO_ANSWER, False)]
