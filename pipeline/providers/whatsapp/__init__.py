"""The WhatsApp Cloud API: its requests, its answers, and what it tells of its own accord."""
