"""What every resource of the REST API stands on; resources themselves are beside their models (``*/api``)."""
