"""The pure, vectorised engine: tables in, tables out. No Django, no database, no clock, not even indirectly."""
