"""When a change is due at the destination: the models, and which one counts for a rule.

``records`` is what can be asked for, ``resolve`` what follows from it, ``timings`` gives each rule
its model: ``instant``, ``documented`` or ``link``.
"""

from __future__ import annotations

from emulator.replication.timing.models import DocumentedTiming, InstantTiming, LinkTiming
from emulator.replication.timing.models import RuleTiming as RuleTiming
from emulator.replication.timing.timings import Timings as Timings

__all__ = ["DocumentedTiming", "InstantTiming", "LinkTiming", "RuleTiming", "Timings"]
