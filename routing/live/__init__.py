"""The live view: messages of a charger or a backoffice as they pass, for the people who may see them."""
