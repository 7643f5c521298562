"""How long replication takes, and what is on its way: ``replication/timing`` and ``transfers``."""

from __future__ import annotations

from aiohttp import web

from emulator.control.json import ControlError, answer, read_fields
from emulator.replication.timing.desk import NoSuchRule, TimingDesk, TimingError
from emulator.replication.timing.records import FIELDS, TimingDocument

_HINT = (
    f"fields of a timing: {', '.join(FIELDS)}; one of regions also has from and to, "
    "one of rules bucket and rule"
)


def get_timing(desk: TimingDesk) -> web.Response:
    """``GET replication/timing``: what counts, as ``PUT`` takes it."""
    return answer(desk.timing())


async def put_timing(desk: TimingDesk, request: web.BaseRequest, deadline_s: float) -> web.Response:
    """``PUT replication/timing``: these timings in place of all others."""
    try:
        wanted = await read_fields(request, TimingDocument, deadline_s)
    except ControlError as error:
        if not error.hint:
            raise
        raise ControlError(error.status, error.message, _HINT) from error
    try:
        return answer(await desk.put_timing(wanted))
    except TimingError as error:
        raise ControlError(400, error.message, error.hint) from error
    except NoSuchRule as error:
        raise ControlError(404, str(error)) from error


def get_transfers(desk: TimingDesk) -> web.Response:
    """``GET replication/transfers``: what is on its way over links, and how much of it is done."""
    return answer(desk.transfers())
