"""Giving commands from the pages of chargers: forms out of tables, lists of what became of them, many at once."""
