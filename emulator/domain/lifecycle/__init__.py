"""Lifecycle rules: what they say, what is refused of them, and how they are carried out.

``document`` is what clients send, ``checks`` and ``overlap`` what is refused, ``rules`` what the
rules come to, ``plan`` the decision about one entry, ``calendar`` the days and hours, ``scan`` and
``worker`` what really happens. Nothing is imported here, because ``domain.ports`` speaks of the
records of this folder.
"""
