"""Settings of buckets and accounts: their shapes, what is checked, and one table of them all.

``shape`` describes documents, ``table`` has a row for each setting, the other modules check what
a shape cannot say. A new setting is a shape and a row.
"""
