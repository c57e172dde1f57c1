"""What the work brought, what it cost, what customers thought of it."""
