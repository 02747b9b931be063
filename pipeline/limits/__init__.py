"""Redis: how fast a sender may go, over all workers."""
