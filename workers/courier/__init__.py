"""The courier: one process's private event loop that claims, sends and records messages.

Celery brings it chunks of ids (`courier.py`). It keeps them in a line per sender (`lines.py`),
asks Redis for send slots and claims what got one (`claimer.py`), no more than it can start in
time (`admission.py`), starts each request at its slot, and writes the answers in batches
(`recorder.py`). A slow sender's messages wait beside a fast one's, never in front of them.
"""

from workers.courier.courier import Courier
from workers.courier.means import CourierMeans

__all__ = ["Courier", "CourierMeans"]
