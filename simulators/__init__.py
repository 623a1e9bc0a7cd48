"""A charger and a backoffice that behave like real ones: for the demo, the tests and training."""
