"""Dated parameters per country, each with its source, and the rails that they lay. Free of Django."""
