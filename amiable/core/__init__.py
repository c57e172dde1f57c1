"""Money, calendar, conditions, registry, users, audit trail, runs, signed links: knows no debts."""
