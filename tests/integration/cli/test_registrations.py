"""`recado senders list` tells what is expected of registrations, and which are to be renewed."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tests.integration.world import World
from workers.clock import machine_now

FIELDS = {
    "pan": "ABCDE1234F",
    "address_proof": "lease",
    "director_id": "passport",
    "header": "ABCORG",
    "number_bound": True,
}


def test_a_review_has_its_expected_end_and_a_licence_its_renewal(
    world: World, recado: Callable[..., Any]
) -> None:
    now = machine_now()
    soon = now + timedelta(days=100)
    approved = {"kind": "dlt", "status": "approved", **FIELDS}
    world.sender("soon", country="IN", registration=approved | {"expires_at": soon.isoformat()})
    late = (now + timedelta(days=300)).isoformat()
    world.sender("late", country="IN", registration=approved | {"expires_at": late})
    waiting = {"kind": "10dlc", "status": "submitted", "submitted_at": now.isoformat()}
    world.sender("waiting", registration=waiting)

    listed = json.loads(recado("senders", "list", "--json").stdout)

    found = {one["id"]: one["registration"] for one in listed}
    assert {code: one["renew"] for code, one in found.items()} == {
        "late": False,
        "soon": True,
        "waiting": False,
    }
    expected = (now + timedelta(days=14)).date()
    assert found["waiting"]["expected_on"] == expected.isoformat()
    told = recado("senders", "list").stdout
    assert f"dlt approved, expires {soon:%Y-%m-%d}: renew it\n" in told
    assert f"10dlc submitted, expected {expected:%Y-%m-%d}\n" in told
