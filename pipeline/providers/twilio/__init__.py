"""Twilio: what it is asked, what its answers mean, and what it tells of its own accord."""
