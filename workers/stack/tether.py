"""``python -m workers.stack.tether PID COMMAND…``: becomes COMMAND, and ends when PID ends.

The supervisor starts its children through this. However it dies, the kernel sends each of them
SIGTERM, which every one of our processes takes as: finish the current step, and go.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1


def tethered(command: Sequence[str]) -> list[str]:
    """The command, tied to this process."""
    return [sys.executable, "-m", __spec__.name, str(os.getpid()), *command]


def main() -> None:
    """Tie this process to its parent, then become the command."""
    parent = int(sys.argv[1])
    if sys.platform == "linux":
        # It outlives exec, which is why the supervisor needs no code of its own between fork and
        # exec: that would run in a copy of a process with threads.
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it was gone before we were tied to it
        sys.exit(1)
    command = sys.argv[2:]
    os.execvp(command[0], command)  # noqa: S606 - the supervisor's own command, without a shell


if __name__ == "__main__":
    main()
