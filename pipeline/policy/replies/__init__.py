"""Understanding replies: who leaves, who comes back, who asks, and what only a person can judge."""

from pipeline.policy.replies.understanding import understand

__all__ = ["understand"]
