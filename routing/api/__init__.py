"""Routes, presets, messages and sessions in the REST API.

Loaded with the addresses, when all models are known: those of the edges are asked for by name here.
"""
