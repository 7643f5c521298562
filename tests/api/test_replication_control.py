"""``replication/…`` and ``metrics`` of the control API."""

from __future__ import annotations

import math
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import oss2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.lab import DELETE, GET, LIST, PUT, SHANGHAI, Lab, allow
from tests.support.process import EmulatorProcess

RIGHTS = (LIST, GET, PUT, DELETE)


@pytest.fixture(scope="module")
def server() -> Iterator[EmulatorProcess]:
    """A server of its own: the figures of others would be in the way."""
    with EmulatorProcess(
        settings=("repl.retry_delay_s=10", "repl.retry_delay_s_max=35")
    ) as process:
        yield process
        assert process.errors() == ""


@pytest.fixture
def lab(server: EmulatorProcess) -> Iterator[Lab]:
    """Fresh buckets, rules and roles."""
    made = Lab(server)
    yield made
    made.clear()


def get(lab: Lab, what: str, **query: object) -> Any:
    return lab.server.control("GET", f"{what}?{urlencode(query)}")


def refused(lab: Lab, method: str, path: str, body: object = None) -> tuple[int, str]:
    status, answer = lab.server.control_status(method, path, body)
    return status, f"{answer['error']} {answer.get('hint', '')}".rstrip()


def settle(lab: Lab) -> None:
    lab.server.settle(advance=False)


def broken(lab: Lab, keys: int = 1) -> tuple[oss2.Bucket, oss2.Bucket, str, str]:
    """A rule whose role may not write, with refused tasks: source, destination, rule, role."""
    source, target = lab.create("source"), lab.create("target", region=SHANGHAI)
    role = lab.role([allow(RIGHTS, source)])
    rule_id = lab.add_rule(
        source, target, sync_role_name=role, is_enable_historical_object_replication=False
    )
    lab.settle()
    for number in range(keys):
        source.put_object(f"k{number}", b"12345")
    settle(lab)
    return source, target, rule_id, role


def mend(lab: Lab, source: oss2.Bucket, target: oss2.Bucket, role: str) -> None:
    lab.put_role(role, [allow(RIGHTS, source), allow(RIGHTS, target)])
    settle(lab)


# tasks


def test_a_refused_task_and_when_it_is_tried(lab: Lab) -> None:
    source, target, rule_id, role = broken(lab)
    source.put_object("k0", b"123")
    settle(lab)
    first, second = get(lab, "replication/tasks", bucket=source.bucket_name)["tasks"]
    assert (first["rule"], first["key"], first["state"]) == (rule_id, "k0", "failed")
    assert (first["destination_bucket"], first["bytes"]) == (target.bucket_name, 5)
    assert (first["effect"], first["attempts"]) == ("copy-version", 1)
    assert first["reason"] == "destination-read-denied"
    assert role in first["remedy"]
    assert first["planned"][0] == first["next_attempt"]
    since = [_second(instant) - _second(first["written"]) for instant in first["planned"]]
    assert since == [10, 30, 65, 100]  # 10 seconds, doubled up to 35
    assert (second["state"], second["next_attempt"], second["planned"]) == ("queued", None, [])
    lab.server.advance(10)
    settle(lab)
    (again, _) = get(lab, "replication/tasks", bucket=source.bucket_name)["tasks"]
    assert again["planned"][0] == first["planned"][1]
    assert again["attempts"] == 2


def _second(instant: str) -> int:
    hours, minutes, seconds = instant.partition("T")[2].rstrip("Z").split(":")
    return int(hours) * 3600 + int(minutes) * 60 + round(float(seconds))


def test_pages_and_filters_of_tasks(lab: Lab) -> None:
    source, _, rule_id, _ = broken(lab, 5)
    source.put_object("k1", b"again")
    other, *_ = broken(lab, 2)
    settle(lab)
    name = source.bucket_name

    def pages_of(limit: int, **query: object) -> list[list[str]]:
        pages: list[list[str]] = []
        after: str | None = ""
        while after is not None:
            page = get(lab, "replication/tasks", limit=limit, after=after, **query)
            pages.append([f"{task['source_bucket']}/{task['key']}" for task in page["tasks"]])
            after = page["next_after"]
        return pages

    def read(limit: int, **query: object) -> list[str]:
        return [each for page in pages_of(limit, **query) for each in page]

    every = [f"{name}/{key}" for key in ("k0", "k1", "k1", "k2", "k3", "k4")]
    others = [f"{other.bucket_name}/{key}" for key in ("k0", "k1")]
    for limit in (1, 2, 3, 4, 100):
        assert read(limit, bucket=name) == every
        assert read(limit) == every + others
        assert read(limit, bucket=name, state="queued") == [f"{name}/k1"]
        assert read(limit, state="failed") == list(dict.fromkeys(every + others))
        assert read(limit, bucket=name, key="k1") == [f"{name}/k1"] * 2
        assert read(limit, bucket=name, rule=rule_id, key="none") == []
    assert pages_of(3, bucket=name)[:2] == [every[:3], every[3:]]


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("tasks?state=broken", 400, "there is no state 'broken' states: queued, waiting, failed"),
        ("tasks?key=k", 400, "a key is of a bucket: bucket is needed"),
        ("tasks?bucket=src-bucket&key=", 400, "the key is empty leave key out for all keys"),
        ("tasks?rule=r", 400, "a rule is found by its source bucket: bucket is needed bucket="),
        ("tasks?limit=0", 400, "limit must be between 1 and 1000"),
        ("tasks?limit=x", 400, "limit must be a number, not 'x'"),
        ("tasks?after=x", 400, "after is not what a page has given pass next_after"),
        ("tasks?after=WzEsMl0=", 400, "after is not what a page has given"),
        ("tasks?frm=1", 400, "there is no parameter 'frm' known: bucket, rule, key, state"),
        ("tasks?limit=1&limit=2", 400, "limit is given twice"),
        ("tasks?bucket=nowhere", 404, "NoSuchBucket"),
        ("rules?bucket=src-bucket&rule=none", 404, "NoSuchReplicationRule"),
        ("rules?after=-1", 400, "after must be a number"),
        ("rtc?limit=1", 400, "there is no parameter 'limit' known: bucket, rule"),
        ("rtc?bucket=nowhere", 404, "NoSuchBucket"),
        ("retry", 405, "answers POST only"),
        ("other", 404, "there is no /_emulator/replication/other"),
    ],
)
def test_what_is_wrong_is_said(lab: Lab, path: str, status: int, says: str) -> None:
    found, text = refused(lab, "GET", f"replication/{path}")
    assert found == status
    assert text.startswith(says) or says in text


# retrying


def test_retry_a_key_a_rule_and_everything(lab: Lab) -> None:
    source, target, rule_id, role = broken(lab, 3)
    other, other_target, _, other_role = broken(lab, 1)
    for bucket, destination, of in ((source, target, role), (other, other_target, other_role)):
        mend(lab, bucket, destination, of)
        assert not destination.object_exists("k0")
    name = source.bucket_name

    def retry(**what: str) -> dict[str, int]:
        answer: dict[str, int] = lab.server.control("POST", "replication/retry", what)
        settle(lab)
        return answer

    assert retry(bucket=name, key="k1") == {"tasks": 1, "history": 0}
    assert target.object_exists("k1")
    assert not target.object_exists("k2")
    assert retry(bucket=name, key="k1") == {"tasks": 0, "history": 0}
    assert retry(bucket=name, rule=rule_id) == {"tasks": 2, "history": 0}
    assert target.object_exists("k2")
    assert not other_target.object_exists("k0")
    assert retry() == {"tasks": 1, "history": 0}
    assert other_target.object_exists("k0")


def test_retry_reads_history_that_was_put_off(lab: Lab) -> None:
    source, target = lab.create("source"), lab.create("target", region=SHANGHAI)
    source.put_object("old", b"1")
    role = lab.role([allow((GET,), source)])
    lab.add_rule(source, target, sync_role_name=role)
    lab.server.advance(1)
    settle(lab)
    (rule,) = get(lab, "replication/rules", bucket=source.bucket_name)["rules"]
    assert rule["history_paused_until"] is not None
    assert rule["refused"] == {"source-list-denied": 1}
    mend(lab, source, target, role)
    name = source.bucket_name
    assert lab.server.control("POST", "replication/retry", {"bucket": name}) == {
        "tasks": 0,
        "history": 1,
    }
    settle(lab)
    assert target.object_exists("old")
    (rule,) = get(lab, "replication/rules", bucket=source.bucket_name)["rules"]
    assert (rule["history_paused_until"], rule["historical_ratio"]) == (None, 1.0)
    assert rule["history_objects"] == {"operations": 1, "bytes": 1}


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"rule": "r"}, 400, "bucket is needed"),
        ({"key": "k"}, 400, "bucket is needed"),
        ({"bucket": "nowhere"}, 404, "NoSuchBucket"),
        ({"buckets": "b"}, 400, "fields: bucket, rule, key"),
        ({"bucket": 5}, 400, "Expected `str`"),
        ([], 400, "Expected `object`"),
    ],
)
def test_a_wrong_retry_is_refused(lab: Lab, body: object, status: int, says: str) -> None:
    found, text = refused(lab, "POST", "replication/retry", body)
    assert found == status
    assert says in text


# rules


def test_rules_with_their_figures(lab: Lab) -> None:
    source, target, rule_id, role = broken(lab, 2)
    lab.server.advance(3)
    (rule,) = get(lab, "replication/rules", bucket=source.bucket_name)["rules"]
    assert (rule["rule"], rule["state"], rule["rtc"]) == (rule_id, "doing", "disabled")
    assert rule["failed"] == {"operations": 2, "bytes": 10}
    assert rule["pending"] == {"operations": 0, "bytes": 0}
    assert rule["latency_s"] == 3.0
    mend(lab, source, target, role)
    lab.server.advance(7)
    settle(lab)
    (rule,) = get(lab, "replication/rules", bucket=source.bucket_name, rule=rule_id)["rules"]
    assert rule["objects"] == {"operations": 2, "bytes": 10}
    assert rule["effects"] == {"copy-version": 2}
    assert (rule["retries"], rule["refused"]) == (2, {"destination-read-denied": 2})
    assert rule["failed"] == {"operations": 0, "bytes": 0}
    page = get(lab, "replication/rules", limit=1)
    assert [each["rule"] for each in page["rules"]] == [rule_id]
    assert page["next_after"] is None


def test_pages_of_rules(lab: Lab) -> None:
    source = lab.create("source")
    made = [
        lab.add_rule(source, lab.create("target", region=SHANGHAI), prefix_list=[f"p{number}/"])
        for number in range(3)
    ]
    first = get(lab, "replication/rules", limit=2)
    rest = get(lab, "replication/rules", limit=2, after=first["next_after"])
    assert [each["rule"] for each in first["rules"] + rest["rules"]] == made
    assert (first["rules"][0]["state"], rest["next_after"]) == ("starting", None)
    assert first["rules"][0]["watermark"] is None


# metrics


def text_of(lab: Lab, query: str = "", accept: str = "*/*") -> tuple[str, str]:
    request = urllib.request.Request(
        f"{lab.server.endpoint}/_emulator/metrics{query}", headers={"Accept": accept}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.headers["Content-Type"], answer.read().decode()


def samples(text: str, name: str) -> dict[tuple[tuple[str, str], ...], float]:
    """The samples of a name by their labels; the text has to be right as a whole."""
    found: dict[tuple[tuple[str, str], ...], float] = {}
    seen: set[str] = set()
    for family in text_string_to_metric_families(text):
        assert family.name not in seen, f"{family.name} comes twice"
        seen.add(family.name)
        assert family.type in ("gauge", "counter", "histogram")
        assert family.documentation
        for sample in family.samples:
            assert math.isfinite(sample.value)
            if sample.name == name:
                key = tuple(sorted(sample.labels.items()))
                assert key not in found, f"{sample} comes twice"
                found[key] = sample.value
    return found


def test_metrics_for_prometheus(lab: Lab) -> None:
    source, target, rule_id, role = broken(lab, 3)
    kind, text = text_of(lab)
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    labels = {"rule": rule_id, "source": source.bucket_name, "destination": target.bucket_name}

    def value(name: str, **more: str) -> float:
        return samples(text, f"ossemu_replication_{name}")[
            tuple(sorted({**labels, **more}.items()))
        ]

    assert value("rule_info", state="doing", rtc="disabled") == 1
    assert value("failed_operations") == 3
    assert value("failed_bytes") == 15
    assert value("pending_operations") == 0
    assert value("refusals_total", reason="destination-read-denied") == 3
    mend(lab, source, target, role)
    lab.server.control("POST", "replication/retry", {})
    lab.server.advance(0.2)
    settle(lab)
    source.put_object("more", b"x" * 100)
    settle(lab)
    _, text = text_of(lab)
    assert value("objects_total", kind="new") == 4
    assert value("bytes_total", kind="new") == 115
    assert value("objects_total", kind="history") == 0
    assert value("retries_total") == 3
    assert value("latency_seconds") == 0
    assert value("lag_seconds_count") == value("lag_seconds_bucket", le="+Inf") == 4
    buckets = [
        count
        for key, count in samples(text, "ossemu_replication_lag_seconds_bucket").items()
        if ("rule", rule_id) in key
    ]
    assert len(buckets) == 20
    assert sorted(buckets) == sorted(buckets, key=float)
    sent = samples(text, "ossemu_replication_sync_send_bytes_total")
    received = samples(text, "ossemu_replication_sync_recv_bytes_total")
    assert sent[("bucket", source.bucket_name),] == 115
    assert received[("bucket", target.bucket_name),] == 115
    assert samples(text, "ossemu_replication_rules_left_out") == {(): 0}


def test_metrics_as_json(lab: Lab) -> None:
    source, _, rule_id, _ = broken(lab)
    by_format = get(lab, "metrics", format="json", bucket=source.bucket_name, rule=rule_id)
    kind, text = text_of(lab, f"?bucket={source.bucket_name}", "application/json")
    assert kind == "application/json"
    assert '"failed": {' in text
    (rule,) = by_format["rules"]
    assert rule["failed"] == {"operations": 1, "bytes": 5}
    assert rule["rtc"] == {}
    assert rule["watermark_age_s"] == rule["replication_latency_s"] == 0.0
    assert by_format["engine"]["refused"] >= 1
    assert by_format["rules_left_out"] == 0


def test_labels_are_escaped(lab: Lab) -> None:
    source, target = lab.create("source"), lab.create("target", region=SHANGHAI)
    rule_id = 'say "hi"\\'
    lab.add_rule(source, target, rule_id=rule_id, is_enable_historical_object_replication=False)
    _, text = text_of(lab)
    ids = {dict(key)["rule"] for key in samples(text, "ossemu_replication_rule_info")}
    assert rule_id in ids


def test_wrong_questions_about_metrics(lab: Lab) -> None:
    assert refused(lab, "GET", "metrics?format=xml") == (
        400,
        "there is no format 'xml' formats: json, prometheus",
    )
    assert refused(lab, "GET", "metrics?rule=r")[0] == 400
    assert refused(lab, "GET", "metrics?bucket=nowhere")[0] == 404
    assert refused(lab, "GET", "metrics?name=x")[0] == 400


def test_no_rules_no_families_but_what_is_left_out(server: EmulatorProcess) -> None:
    _, text = text_of(Lab(server), "?bucket=src-bucket")
    names = [family.name for family in text_string_to_metric_families(text)]
    assert "ossemu_replication_rules_left_out" in names
    assert "ossemu_replication_pending_bytes" not in names
