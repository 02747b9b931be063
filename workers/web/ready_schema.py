"""The shape of what ``/readyz`` answers when webhooks can be stored."""

from collections.abc import Mapping
from typing import Any

from pipeline.policy.pressure import Pressure

_STRAIN: Mapping[str, Any] = {
    "type": "object",
    "required": ["of", "share", "producers_wait"],
    "properties": {
        "of": {"enum": [pressure.value for pressure in Pressure]},
        "share": {"type": "number", "description": "Of what it may come to; 1 is all of it."},
        "producers_wait": {"type": "boolean"},
    },
}

READY_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "required": ["status", "missing", "pressure", "retry_after_seconds"],
    "properties": {
        "status": {"enum": ["ready", "degraded"]},
        "missing": {"type": "array", "items": {"enum": ["redis"]}},
        "pressure": {"type": "array", "items": _STRAIN},
        "retry_after_seconds": {
            "type": ["integer", "null"],
            "description": "When a producer may add more; null: now.",
        },
    },
}
