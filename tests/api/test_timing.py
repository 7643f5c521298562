"""How long replication takes, changed over HTTP while the emulator runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import oss2
import pytest

from tests.support.clients import auth_of
from tests.support.lab import Lab
from tests.support.process import EmulatorProcess

LINK = {"model": "link", "latency_s": 0.5, "bandwidth_bytes_per_s": 100_000}


@pytest.fixture(scope="module")
def server() -> Iterator[EmulatorProcess]:
    """The two-account world in memory on a virtual clock."""
    with EmulatorProcess(settings=("oss.check_signing_time=false",)) as process:
        yield process
        assert process.errors() == ""


@pytest.fixture
def lab(server: EmulatorProcess) -> Iterator[Lab]:
    """Fresh buckets and rules; the timing as the server was started with."""
    made = Lab(server)
    yield made
    server.control("PUT", "replication/timing", {})
    made.clear()


def timing(server: EmulatorProcess, **fields: object) -> Any:
    return server.control("PUT", "replication/timing", fields)


def explain(server: EmulatorProcess, bucket: oss2.Bucket, key: str) -> Any:
    answer = server.control("GET", f"explain?bucket={bucket.bucket_name}&key={key}")
    [rule] = answer["rules"]
    return rule


def test_by_default_everything_is_instant(lab: Lab) -> None:
    shown = lab.server.control("GET", "replication/timing")
    assert shown == {"default": {"model": "instant", "lag_s": 0.0, "down": False}}
    assert lab.server.control("GET", "replication/transfers")["transfers"] == []


def test_what_is_shown_can_be_put_again(lab: Lab) -> None:
    source, _ = lab.replicate()
    [rule] = source.get_bucket_replication().rule_list
    wanted = {
        "default": LINK,
        "regions": [{"from": "cn-hangzhou", "to": "cn-shanghai", "down": True}],
        "rules": [{"bucket": source.bucket_name, "rule": rule.rule_id, "model": "documented"}],
    }
    shown = timing(lab.server, **wanted)
    assert shown["default"] | LINK == shown["default"]
    assert shown["regions"] == [{"from": "cn-hangzhou", "to": "cn-shanghai", "down": True}]
    assert shown["rules"] == wanted["rules"]
    assert timing(lab.server, **shown) == shown
    assert lab.server.control("GET", "replication/timing") == shown


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"[]", 400, "not right"),
        (b'{"default": {"model": "fast"}}', 400, "fast"),
        (b'{"default": {"bandwidth": 1}}', 400, "unknown field `bandwidth`"),
        (b'{"default": {"model": "link", "latency_s": -1}}', 400, ">= 0.0"),
        (b'{"default": {"model": "link", "parallel": 0}}', 400, ">= 1"),
        (b'{"default": {"model": "link", "acceleration": 0}}', 400, "> 0"),
        (b'{"default": {"model": "link", "lag_s": 1}}', 400, "default.lag_s: the model link has"),
        (b'{"default": {"latency_s": 1}}', 400, "default.latency_s: the model instant has no"),
        (b'{"regions": [{"from": "cn-hangzhou"}]}', 400, "`to`"),
        (b'{"regions": [{"from": "hangzhou", "to": "cn-shanghai"}]}', 400, "regions[0].from"),
        (
            b'{"regions": [{"from": "cn-hangzhou", "to": "cn-shanghai", "parallel": 2}]}',
            400,
            "regions[0].parallel: the model instant has no parallel",
        ),
        (
            b'{"regions": [{"from": "cn-hangzhou", "to": "cn-shanghai"},'
            b' {"from": "cn-hangzhou", "to": "cn-shanghai"}]}',
            400,
            "2 times",
        ),
        (b'{"rules": [{"bucket": "src-bucket", "rule": "none"}]}', 404, "its rules: none"),
        (b'{"rules": [{"bucket": "no-bucket", "rule": "none"}]}', 404, "no bucket 'no-bucket'"),
    ],
)
def test_a_timing_nobody_can_have_meant_is_refused(
    lab: Lab, body: bytes, status: int, words: str
) -> None:
    before = timing(lab.server, default=LINK) if b"regions" not in body else None
    if b"instant" in words.encode():
        timing(lab.server)
        before = None
    got, answer = lab.server.control_status("PUT", "replication/timing", body)
    assert got == status
    assert words in answer["error"]
    if before is not None:
        assert lab.server.control("GET", "replication/timing") == before


def test_a_link_that_is_down_is_explained_and_drains(lab: Lab) -> None:
    source, destination = lab.pair(region="cn-shanghai")
    timing(lab.server, default=LINK)
    lab.add_rule(source, destination)
    lab.settle()
    source.put_object("first", b"x" * 100_000)
    lab.server.control("POST", "clock", {"advance_s": 1})
    lab.server.settle(advance=False)
    [transfer] = lab.server.control("GET", "replication/transfers")["transfers"]
    assert (transfer["key"], transfer["size_bytes"]) == ("first", 100_000)
    assert 40_000 <= transfer["bytes_done"] <= 60_000
    assert "50000 of 100000 bytes" in explain(lab.server, source, "first")["message"]
    pair = {"from": "cn-hangzhou", "to": "cn-shanghai", "down": True}
    timing(lab.server, default=LINK, regions=[pair])
    since = lab.server.control("GET", "clock")["now"]
    source.put_object("second", b"x" * 100_000)
    assert lab.settle()["applied"] == 0
    for key in ("first", "second"):
        rule = explain(lab.server, source, key)
        assert f"from cn-hangzhou to cn-shanghai is down since {since}" in rule["message"]
        assert rule["refusal"]["reason"] == "link-down"
        assert rule["standing"] == "pending"
    lab.server.control("POST", "clock", {"advance_s": 3600})
    timing(lab.server, default=LINK, regions=[pair])  # still down, since then
    [link] = lab.server.control("GET", "replication/transfers")["links"]
    assert (link["down_since"], link["in_flight"], link["waiting"]) == (since, 1, 1)
    timing(lab.server, default=LINK)
    assert lab.settle()["applied"] == 2
    assert destination.object_exists("second")


def test_documented_takes_minutes_and_a_rule_four_to_start(lab: Lab) -> None:
    timing(lab.server, default={"model": "documented"})
    source, destination = lab.pair(region="cn-shanghai")
    lab.add_rule(source, destination)
    lab.server.control("POST", "clock", {"advance_s": 179})
    lab.server.settle(advance=False)
    assert source.get_bucket_replication().rule_list[0].status == "starting"
    lab.server.control("POST", "clock", {"advance_s": 122})
    lab.server.settle(advance=False)
    assert source.get_bucket_replication().rule_list[0].status == "doing"
    source.put_object("k", b"1")
    lab.server.control("POST", "clock", {"advance_s": 59})
    lab.server.settle(advance=False)
    assert not destination.object_exists("k")
    lab.server.control("POST", "clock", {"advance_s": 122})
    lab.server.settle(advance=False)
    assert destination.object_exists("k")


def test_the_timing_survives_the_end_of_the_process(tmp_path: Path) -> None:
    with EmulatorProcess(data=tmp_path / "data", settings=("repl.timing=link",)) as process:
        assert process.control("GET", "replication/timing")["default"]["model"] == "link"
        kept = timing(process, default={"latency_s": 3.5})
        process.kill()
        process.start()
        assert process.control("GET", "replication/timing") == kept
        bucket = oss2.Bucket(auth_of("a"), process.endpoint, "src-bucket")
        assert bucket.get_bucket_info().name == "src-bucket"


def test_methods_are_told(lab: Lab) -> None:
    status, answer = lab.server.control_status("POST", "replication/timing", {})
    assert (status, json.dumps(answer).count("GET, PUT")) == (405, 1)
