"""Implementations of the stores the inner rooms ask for: SQLite and files."""
