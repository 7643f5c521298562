"""The rows of ``tests/behaviours/rows`` acted out, by theme."""
