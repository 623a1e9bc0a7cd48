"""Live badges: pages that show chargers hear of what changes, without a reload."""
