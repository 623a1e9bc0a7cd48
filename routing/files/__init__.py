"""Files between chargers and people: what chargers upload (diagnostics, logs), and firmware they fetch."""
