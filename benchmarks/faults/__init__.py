"""Faults on purpose: a real stack, a campaign, something that breaks, and a verdict.

A *scene* (`scene.py`) is a stack of real processes over servers of its own (`servers.py`). A
*scenario* (`scenario.py`, `scenarios/`) breaks something in it while a campaign runs
(`campaign.py`), at moments that are drawn from a seed. The *verdict* (`verdict.py`) is computed
afterwards from what PostgreSQL and the provider's log say, and from nothing else. `run.py` puts
these together, for `recado bench faults` and for ``tests/faults``; see docs/faults.md.
"""
