"""What happens, told to programs: events of stored state and of the log, and the webhooks that get them."""
