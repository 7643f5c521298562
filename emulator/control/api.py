"""The control API under ``/_emulator/``: health, clock, settle, world, explain."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeAlias
from urllib.parse import parse_qsl, urlsplit

import msgspec
from aiohttp import web

from emulator.clock import FACTOR_MAX, INSTANT_MS_MAX, ClockChoice, ClockMode, is_factor
from emulator.control.audit import get_audit
from emulator.control.json import ControlError, answer, error_answer, read_body, read_fields
from emulator.control.metrics import get_metrics
from emulator.control.notifications import (
    delete_notifications,
    get_events,
    get_notifications,
    put_notifications,
)
from emulator.control.ports import Emulator
from emulator.control.replication import get_rtc, get_rules, get_tasks, post_retry
from emulator.control.simulate import post_simulate
from emulator.control.timing import get_timing, get_transfers, put_timing
from emulator.domain.errors import OssError, StorageError
from emulator.world.document import UnreadableWorld, WorldError

PREFIX = "/_emulator/"
_LOG = logging.getLogger("ossemu.control")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # counted from it no millisecond is rounded away
_ADVANCE_S_MAX = 100 * 365 * 86_400
_LINES_LOST = (
    "the body is a single line: curl -d takes line breaks out; use curl --data-binary @world.yaml"
)

_Handler: TypeAlias = "Callable[[ControlApi, web.BaseRequest], Awaitable[web.Response]]"


class ClockChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``POST clock`` may ask: a mode (``factor`` of a scaled clock: how many times as fast
    as the machine's), an instant (ISO 8601), a step forward in seconds."""

    mode: ClockMode | None = None
    factor: float | None = None
    set: datetime | None = None
    advance_s: float | None = None


class SettleRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``POST settle`` may ask."""

    advance: bool = False


class ControlApi:
    """Answers everything under ``/_emulator/``."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        path = urlsplit(request.raw_path).path.removeprefix(PREFIX).rstrip("/")
        try:
            _refuse_other_sites(request)
            return await _find(path, request.method)(self, request)
        except ControlError as error:
            return error_answer(error)
        except WorldError as error:
            return error_answer(ControlError(400, str(error)))
        except StorageError as error:
            return error_answer(ControlError(503, str(error)))
        except OssError as error:
            return error_answer(ControlError(404, f"{error.code}: {error.message}"))
        except Exception:  # noqa: BLE001 - the one place that answers what nobody foresaw
            _LOG.exception("control request failed")
            return error_answer(ControlError(500, "the emulator failed; its log says why"))

    async def live(self, _request: web.BaseRequest) -> web.Response:
        """``GET health/live``: the process answers."""
        return answer({"live": True})

    async def ready(self, _request: web.BaseRequest) -> web.Response:
        """``GET health/ready``: 503 until the world is loaded."""
        readiness = self._emulator.readiness()
        return answer(readiness, 200 if readiness.ready else 503)

    async def get_clock(self, _request: web.BaseRequest) -> web.Response:
        """``GET clock``: how time passes, and what time it is."""
        return self._clock_answer()

    async def post_clock(self, request: web.BaseRequest) -> web.Response:
        """``POST clock``: change the mode, set a clock that is not real or move it forward."""
        change = await read_fields(request, ClockChange, self._body_deadline_s)
        clock = self._emulator.clock
        instant_ms = _moved_ms(change, clock.now_ms())
        choice = _chosen(change, clock.choice)
        if instant_ms is not None and choice.mode is ClockMode.REAL:
            raise ControlError(
                409, "a real clock cannot be moved", 'switch first: {"mode": "virtual"}'
            )
        clock.use(*choice)
        if instant_ms is not None:
            clock.set(instant_ms)
        self._emulator.time_changed()
        return self._clock_answer()

    @property
    def _body_deadline_s(self) -> float:
        return self._emulator.settings.wire.body_grace_s

    def _clock_answer(self) -> web.Response:
        clock = self._emulator.clock
        now = _EPOCH + timedelta(milliseconds=clock.now_ms())
        text = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        shown: dict[str, object] = {"mode": clock.mode, "now": text}
        if clock.mode is ClockMode.SCALED:
            shown["factor"] = clock.choice.factor
        return answer(shown)

    async def settle(self, request: web.BaseRequest) -> web.Response:
        """``POST settle``: run what is due; with ``advance`` step the virtual clock until quiet."""
        wanted = await read_fields(request, SettleRequest, self._body_deadline_s)
        if wanted.advance and self._emulator.clock.virtual() is None:
            raise ControlError(
                409,
                f"a {self._emulator.clock.mode} clock cannot be advanced",
                "start with --clock virtual, or POST clock first",
            )
        return answer(await self._emulator.settle(advance=wanted.advance))

    async def post_world(self, request: web.BaseRequest) -> web.Response:
        """``POST world``: apply a world file (YAML or JSON) sent as the body."""
        data = await read_body(request, self._body_deadline_s)
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            raise ControlError(400, "the world is not UTF-8 text") from error
        try:
            return answer(await self._emulator.load_world(text, "body"))
        except UnreadableWorld as error:
            one_line = "\n" not in text and not text.lstrip().startswith(("{", "["))
            raise ControlError(400, str(error), _LINES_LOST if one_line and text else "") from error

    async def explain(self, request: web.BaseRequest) -> web.Response:
        """``GET explain?bucket=&key=[&version-id=]``: rule by rule, what happened and why."""
        query = dict(parse_qsl(urlsplit(request.raw_path).query, keep_blank_values=True))
        bucket, key = query.get("bucket", ""), query.get("key", "")
        if not bucket or not key:
            raise ControlError(
                400, "bucket and key are needed", f"{PREFIX}explain?bucket=src-bucket&key=a.txt"
            )
        explained = self._emulator.replication.explain(bucket, key, query.get("version-id") or None)
        return answer(explained)

    async def notifications(self, request: web.BaseRequest) -> web.Response:
        """``GET``, ``PUT``, ``DELETE notifications``: the rules that report events of buckets."""
        desk = self._emulator.events
        if request.method == "PUT":
            return await put_notifications(desk, request, self._body_deadline_s)
        if request.method == "DELETE":
            return await delete_notifications(desk, request)
        return get_notifications(desk, request)

    async def events(self, request: web.BaseRequest) -> web.Response:
        """``GET events``: recorded events and what became of their delivery."""
        return get_events(self._emulator.events, request)

    async def audit(self, request: web.BaseRequest) -> web.Response:
        """``GET audit``: who asked what, what was decided, and which statement decided."""
        return get_audit(self._emulator.audit, request)

    async def simulate(self, request: web.BaseRequest) -> web.Response:
        """``POST simulate``: what would be decided, and why."""
        return await post_simulate(self._emulator.simulate, request, self._body_deadline_s)

    async def replication(self, request: web.BaseRequest) -> web.Response:
        """``GET replication/rules``, ``tasks`` and ``rtc``: what was done, what is left."""
        path = urlsplit(request.raw_path).path.rstrip("/")
        return _REPLICATION[path.rpartition("/")[2]](self._emulator.replication, request)

    async def retry(self, request: web.BaseRequest) -> web.Response:
        """``POST replication/retry``: what was refused is due now."""
        return await post_retry(self._emulator.replication, request, self._body_deadline_s)

    async def metrics(self, request: web.BaseRequest) -> web.Response:
        """``GET metrics``: what is measured, for Prometheus or as JSON."""
        return get_metrics(self._emulator.replication, request)

    async def timing(self, request: web.BaseRequest) -> web.Response:
        """``GET``, ``PUT replication/timing``: how long replication takes."""
        desk = self._emulator.replication.timing
        if request.method == "PUT":
            return await put_timing(desk, request, self._body_deadline_s)
        return get_timing(desk)

    async def transfers(self, _request: web.BaseRequest) -> web.Response:
        """``GET replication/transfers``: what is on its way over links."""
        return get_transfers(self._emulator.replication.timing)

    async def callback_public_key(self, _request: web.BaseRequest) -> web.Response:
        """``GET callback-public-key.pem``: what upload callbacks are verified with."""
        pem = await self._emulator.callback_public_key()
        headers = {"Content-Type": "application/x-pem-file", "Server": "ossemu"}
        return web.Response(body=pem, headers=headers)


_REPLICATION = {"rules": get_rules, "tasks": get_tasks, "rtc": get_rtc}
_ROUTES: dict[str, dict[str, _Handler]] = {
    "health/live": {"GET": ControlApi.live},
    "health/ready": {"GET": ControlApi.ready},
    "clock": {"GET": ControlApi.get_clock, "POST": ControlApi.post_clock},
    "settle": {"POST": ControlApi.settle},
    "world": {"POST": ControlApi.post_world},
    "explain": {"GET": ControlApi.explain},
    "notifications": {
        "GET": ControlApi.notifications,
        "PUT": ControlApi.notifications,
        "DELETE": ControlApi.notifications,
    },
    "events": {"GET": ControlApi.events},
    "audit": {"GET": ControlApi.audit},
    "simulate": {"POST": ControlApi.simulate},
    "replication/rules": {"GET": ControlApi.replication},
    "replication/tasks": {"GET": ControlApi.replication},
    "replication/rtc": {"GET": ControlApi.replication},
    "replication/retry": {"POST": ControlApi.retry},
    "metrics": {"GET": ControlApi.metrics},
    "replication/timing": {"GET": ControlApi.timing, "PUT": ControlApi.timing},
    "replication/transfers": {"GET": ControlApi.transfers},
    "callback-public-key.pem": {"GET": ControlApi.callback_public_key},
}


def _find(path: str, method: str) -> _Handler:
    methods = _ROUTES.get(path)
    if methods is None:
        raise ControlError(404, f"there is no {PREFIX}{path}", f"known: {_known()}")
    if method not in methods:
        answered = ", ".join(methods)
        raise ControlError(405, f"{PREFIX}{path} answers {answered} only, not {method}")
    return methods[method]


def _known() -> str:
    return ", ".join(f"{method} {PREFIX}{path}" for path, of in _ROUTES.items() for method in of)


def _chosen(change: ClockChange, present: ClockChoice) -> ClockChoice:
    """How the clock is to move. Raises ControlError."""
    mode = change.mode or present.mode
    if mode is not ClockMode.SCALED:
        if change.factor is not None:
            raise ControlError(
                400, "factor is of a scaled clock", 'as in {"mode": "scaled", "factor": 60}'
            )
        return ClockChoice(mode)
    if change.factor is None:
        if present.mode is ClockMode.SCALED:
            return present
        raise ControlError(
            400, "a scaled clock needs its factor", 'as in {"mode": "scaled", "factor": 60}'
        )
    if not is_factor(change.factor):
        raise ControlError(400, f"factor must be above 0 and at most {FACTOR_MAX:.0f}")
    return ClockChoice(mode, change.factor)


def _moved_ms(change: ClockChange, now_ms: int) -> int | None:
    """The instant the clock is to show, ``None`` if it goes on. Raises ControlError."""
    if change.set is None and change.advance_s is None:
        return None
    if change.set is not None:
        if change.set.tzinfo is None:
            raise ControlError(400, "the instant needs a time zone, e.g. 2026-01-02T03:04:05Z")
        now_ms = round(change.set.timestamp() * 1000)
    if change.advance_s is not None:
        if not 0 <= change.advance_s <= _ADVANCE_S_MAX:
            raise ControlError(400, f"advance_s must be between 0 and {_ADVANCE_S_MAX}")
        now_ms += round(change.advance_s * 1000)
    if not 0 <= now_ms <= INSTANT_MS_MAX:
        raise ControlError(400, "the clock goes from 1970 to 9999")
    return now_ms


def _refuse_other_sites(request: web.BaseRequest) -> None:
    """A page of another site must not steer the emulator through its visitor's browser."""
    origin = request.headers.get("Origin")
    if origin and urlsplit(origin).netloc != request.headers.get("Host", ""):
        raise ControlError(403, "requests from other sites are refused")
