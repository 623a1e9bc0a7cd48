"""Chargers and connectors in the REST API."""
