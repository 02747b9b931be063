"""Reads a folder of packs and the overlays beside them, at once or file by file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from config.packs.checks import check_pack, check_packs
from config.packs.errors import PolicyError
from config.packs.overlay_file import OverlayFile, read_overlay
from config.packs.reader import GENERAL, PackFile, read_pack

CONFIG = Path(__file__).parent.parent
COUNTRIES_FOLDER = CONFIG / "countries"
OVERLAYS_FOLDER = CONFIG / "overlays"
GENERAL_FILE = "general.toml"

_Read = TypeVar("_Read")


@dataclass(frozen=True, kw_only=True, slots=True)
class Files:
    """The files of one folder, each checked by itself and the packs against each other."""

    packs: Sequence[PackFile]
    general: PackFile
    overlays: Sequence[OverlayFile]


def read_folder(folder: Path | None) -> Files:
    """Read every pack of a folder, and every overlay.

    Args:
        folder: holds one TOML file a pack and ``general.toml``, and its overlays, if it has any
            of its own, in ``overlays/``; else the project's overlays go with it. None: the
            project's packs.

    Raises:
        PolicyError: the first file that cannot be used; one line names file, line, rule, field
            and remedy.
    """
    packs = folder or COUNTRIES_FOLDER
    _check_general(packs)
    files = [_read_pack(path) for path in sorted(packs.glob("*.toml"))]
    overlays = [read_overlay(path) for path in sorted(overlays_of(folder).glob("*.toml"))]
    return _join(files, overlays)


def read_each(folder: Path | None) -> tuple[Files | None, list[PolicyError]]:
    """As `read_folder`, with the first error of every file rather than of the first file.

    Returns:
        The files, where none has an error, and the errors in the order of the files.
    """
    packs = folder or COUNTRIES_FOLDER
    errors: list[PolicyError] = []
    files = [_or_error(_read_pack, path, errors) for path in sorted(packs.glob("*.toml"))]
    paths = sorted(overlays_of(folder).glob("*.toml"))
    overlays = [_or_error(read_overlay, path, errors) for path in paths]
    try:
        _check_general(packs)
        if errors:
            return None, errors
        return _join([f for f in files if f], [o for o in overlays if o]), errors
    except PolicyError as error:
        return None, [*errors, error]


def overlays_of(folder: Path | None) -> Path:
    """Where the overlays of a folder of packs are."""
    own = OVERLAYS_FOLDER if folder is None else folder / "overlays"
    return own if own.is_dir() else OVERLAYS_FOLDER


def _check_general(packs: Path) -> None:
    if not (packs / GENERAL_FILE).is_file():
        raise PolicyError(f"{packs / GENERAL_FILE}: is missing; every pack builds on it")


def _read_pack(path: Path) -> PackFile:
    pack = read_pack(path)
    if path.name == GENERAL_FILE and pack.head.code != GENERAL:
        raise pack.text.error(f"the code of this file is {GENERAL}; correct it", field="code")
    check_pack(pack)
    return pack


def _or_error(read: Callable[[Path], _Read], path: Path, errors: list[PolicyError]) -> _Read | None:
    try:
        return read(path)
    except PolicyError as error:
        errors.append(error)
        return None


def _join(files: Sequence[PackFile], overlays: Sequence[OverlayFile]) -> Files:
    general = next(file for file in files if file.text.path.name == GENERAL_FILE)
    packs = [file for file in files if file is not general]
    check_packs(packs, general)
    ids = {row.rule.id for file in files for row in file.rows}
    for overlay in overlays:
        for row in overlay.rows:
            if row.rule.id in ids:
                raise overlay.error(row, "a pack has a rule of this id; rename this one", "id")
    return Files(packs=packs, general=general, overlays=overlays)
