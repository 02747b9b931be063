"""What runs: Celery tasks, the intake reader, the dispatcher, the commands."""

from typing import Any


def __getattr__(name: str) -> Any:
    """Find the Celery application for ``celery -A workers``, and load Celery only then."""
    if name == "celery":
        from workers.app import app  # noqa: PLC0415 - the command line must not wait for Celery

        return app
    raise AttributeError(name)
