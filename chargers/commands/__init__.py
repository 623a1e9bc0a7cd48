"""Giving commands from the pages of chargers: forms out of tables, what became of them, many at once."""
