"""Money comes in: attempts, promises, plans, bank lines, matching and allocation."""
