"""Plugs are pulled while sessions run, and a checker reads what each backoffice got (docs/reliability.md)."""
