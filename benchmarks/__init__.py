"""What `recado bench` runs."""
