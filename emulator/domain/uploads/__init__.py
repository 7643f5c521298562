"""Multipart uploads: what is kept of them, and each operation as a function of a transaction.

Nothing is imported here, because ``domain.ports`` speaks of the records of this folder.
"""
