import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PAYLOADS = Path(__file__).parent / "payloads"


@pytest.fixture
def payload() -> Callable[[str], bytes]:
    def read(name: str) -> bytes:
        return (PAYLOADS / f"{name}.json").read_bytes()

    return read


@pytest.fixture
def document(payload: Callable[[str], bytes]) -> Callable[[str], Any]:
    def read(name: str) -> Any:
        return json.loads(payload(name))

    return read
