"""For how long what passed is kept: what may be asked for. The rules are in ``routing.keeping``."""

LEAST_DAYS = {"frames": 3, "exchanges": 3, "transactions": 31, "actions": 31}
"""What is kept for how many days at least. Chargers say again what they said before; whatever a session
names is remembered for 30 days."""

MOST_DAYS = 36_500
"""For ever, as it were."""
