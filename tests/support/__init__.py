"""Helpers of the test suite: a real server process and clients for it."""
