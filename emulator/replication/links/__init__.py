"""Links with figures: transfers that share a bandwidth, and those that wait for their turn.

``lane`` is the arithmetic of one link, ``links`` keeps those of the engine, ``desk`` shows them.
"""
