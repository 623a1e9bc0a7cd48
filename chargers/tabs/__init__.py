"""The tabs of a charger's page: one module each, listed in ``chargers.tabs.all``."""
