"""One module a provider, behind the interface in ``base``."""
