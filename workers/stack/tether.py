"""``python -m workers.stack.tether PID NICENESS COMMAND…``: becomes COMMAND, and ends with PID.

The supervisor starts its children through this. However it dies, the kernel sends each of them
SIGTERM, which every one of our processes takes as: finish the current step, and go.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def tethered(command: Sequence[str], *, niceness: int = 0) -> list[str]:
    """The command, tied to this process.

    Args:
        niceness: how far it ranks behind this process, up to 19.
    """
    return [sys.executable, "-m", __spec__.name, str(os.getpid()), str(niceness), *command]


def main() -> None:
    """Tie this process to its parent, then become the command."""
    parent = int(sys.argv[1])
    if sys.platform == "linux":
        # It outlives exec, which is why the supervisor needs no code of its own between fork and
        # exec: that would run in a copy of a process with threads.
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it was gone before we were tied to it
        sys.exit(1)
    _rank(int(sys.argv[2]))
    command = sys.argv[3:]
    os.execvp(command[0], command)  # noqa: S606 - the supervisor's own command, without a shell


def _rank(niceness: int) -> None:
    if niceness == 0:
        return
    os.nice(niceness)
    # Linux may share the processor out among sessions first, and each of our children leads one
    # of its own: then a process's niceness counts within its session, and the session's outside.
    group = Path("/proc/self/autogroup")
    if os.getsid(0) == os.getpid() and group.exists():
        with suppress(OSError):  # it bounds how often it may be written
            group.write_text(str(niceness))


if __name__ == "__main__":
    main()
