"""The policy language: documents become typed records, and records answer requests. Pure."""
