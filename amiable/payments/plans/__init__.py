"""Payment plans: one or more dated payments that both sides hold to. Pure parts first, then the verbs on rows."""
