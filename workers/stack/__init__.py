"""A stack on one machine: its roles, who looks after them, and how they end with it."""
