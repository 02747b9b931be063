"""`recado demo`: a campaign in five countries, two business days in half a minute, all of it real.

The servers, the workers and the HTTP requests are those of production; only the provider is a
sandbox and the clock a fast one.
"""
