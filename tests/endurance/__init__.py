"""A day of one charger in a quarter of an hour, and what is left of it in memory (docs/reliability.md)."""
