"""requirements.lock is what production installs: complete, exact, without addresses."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).parents[3]
PYPROJECT: dict[str, Any] = tomllib.loads((PROJECT / "pyproject.toml").read_text())
REMEDY = "make it again: its first lines tell how"


def pins(file: str) -> dict[str, str]:
    """Name → the one version that the file allows."""
    found = re.findall(r"^([\w.-]+)==(\S+)", (PROJECT / file).read_text(), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


@pytest.mark.parametrize("line", PYPROJECT["project"]["dependencies"])
def test_every_dependency_is_pinned_within_its_range(line: str) -> None:
    requirement = Requirement(line)
    version = pins("requirements.lock").get(canonicalize_name(requirement.name))
    assert version is not None, f"{requirement.name} is not in requirements.lock; {REMEDY}"
    assert requirement.specifier.contains(version), f"{line}, but locked: {version}; {REMEDY}"


def test_no_development_tool_and_no_embedded_server_is_in_it() -> None:
    groups = PYPROJECT["dependency-groups"]
    left_out = {Requirement(line).name for group in groups.values() for line in group}
    assert not left_out & pins("requirements.lock").keys()


@pytest.mark.parametrize("file", ["requirements.lock", "requirements-build.lock"])
def test_every_pin_has_hashes_and_no_line_an_address(file: str) -> None:
    text = (PROJECT / file).read_text()
    assert "://" not in text
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    entries = "\n".join(lines).replace("\\\n", "").splitlines()
    assert len(entries) == len(pins(file)) > 0
    for entry in entries:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry


def test_the_build_backend_is_locked_too() -> None:
    for line in PYPROJECT["build-system"]["requires"]:
        requirement = Requirement(line)
        assert requirement.specifier.contains(pins("requirements-build.lock")[requirement.name])
