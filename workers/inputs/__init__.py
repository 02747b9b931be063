"""The files that operators bring: one module a kind, read row by row in constant memory."""
