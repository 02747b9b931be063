"""What an operator may change: settings, logs, country packs."""
