"""How a charger gets in: the wizard, the copy card, claims, files, stickers."""
