"""The country packs without the thresholds that would end a measurement.

Thousands of people leave within a minute here; by the real packs their senders would be suspended
after ten seconds, as they should be.
"""

import re
from pathlib import Path

from config.packs.folder import COUNTRIES_FOLDER

# A rule's table ends where the next one begins.
_THRESHOLD = re.compile(
    r"""^\[\[rule\]\]\n (?:^(?!\[).*\n)*? ^kind\ =\ "threshold"\n (?:^(?!\[).*\n)*""",
    re.MULTILINE | re.VERBOSE,
)


def without_thresholds(folder: Path) -> Path:
    """Write the packs into a new folder, all but their thresholds; the folder.

    Raises:
        ValueError: no pack has any.
    """
    folder.mkdir()
    left_out = 0
    for path in COUNTRIES_FOLDER.glob("*.toml"):
        text, amount = _THRESHOLD.subn("", path.read_text())
        (folder / path.name).write_text(text)
        left_out += amount
    if not left_out:
        raise ValueError(f"no pack of {COUNTRIES_FOLDER} has a threshold; look at the pattern")
    return folder
