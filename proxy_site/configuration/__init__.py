"""Configuration as code: what ``manage.py apply`` and ``manage.py export`` do."""
