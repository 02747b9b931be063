"""The words by which people leave, come back and ask, in every language that we read."""
