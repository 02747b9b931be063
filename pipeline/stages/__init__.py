"""The stages: each reads, decides with the pure policy, and records.

A stage is one function over a chunk of message ids. It opens no transaction and publishes
nothing: the caller commits, then tells the next stage, and only `workers/queues.py` knows which
one that is. Running a stage twice on the same ids changes nothing the second time.
"""
