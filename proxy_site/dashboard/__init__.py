"""The first page of the admin: how all is, what wants a person, and the way to the reason."""
