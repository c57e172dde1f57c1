"""Rooms where people meet the system: desk, portal, hooks, dev."""
