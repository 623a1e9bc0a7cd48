"""The audit log for people: found, folded into exchanges, put into words."""
