"""Backoffices in the REST API."""
