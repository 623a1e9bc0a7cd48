"""Commands: what people and programs ask chargers to do, for the admin, the API and many at once."""
