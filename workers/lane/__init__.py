"""The lane: one process's part in answering people, apart from all that campaigns do.

Celery brings ids of replies and notices (`lane.py`). What must not wait is done at once; the
ledger is written by a thread of its own (`ledger.py`); an event loop takes send slots, claims and
sends the notices (`sending.py`) and writes the answers in batches (`recorder.py`). What a killed
process leaves behind the dispatcher finds (`recovery.py`).
"""

from workers.lane.lane import Lane
from workers.lane.means import LaneMeans

__all__ = ["Lane", "LaneMeans"]
