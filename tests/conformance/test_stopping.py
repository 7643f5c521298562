"""Stopping a server that vendor clients are still connected to."""

from __future__ import annotations

import time

import pytest

from tests.support.clients import bucket_of
from tests.support.covers import covers
from tests.support.process import EmulatorProcess

pytestmark = pytest.mark.conformance


@covers("PutObject")
def test_idle_connections_do_not_hold_up_the_end() -> None:
    with EmulatorProcess() as server:
        bucket = bucket_of(server, "src-bucket")
        bucket.put_object("k", b"x")  # the client keeps its connection for the next request
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < 1.5
        assert server.errors() == ""
        bucket.session.session.close()
