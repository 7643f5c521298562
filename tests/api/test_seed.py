"""A data folder that is started with the same seed again and again."""

from __future__ import annotations

from pathlib import Path

import oss2

from tests.support.process import KEY_A, SECRET_A, EmulatorProcess

SEED = ("--seed", "7")
CLOCK = "oss.check_signing_time=false"


def begun(data: Path | str, starts: int) -> list[str]:
    """The ids of the uploads that are the first request of each start on a folder."""
    made = []
    for number in range(starts):
        with EmulatorProcess(data=data, settings=(CLOCK,), arguments=SEED) as process:
            bucket = oss2.Bucket(oss2.Auth(KEY_A, SECRET_A), process.endpoint, "src-bucket")
            made.append(bucket.init_multipart_upload("k").upload_id)
            bucket.put_object(f"k{number}", bytes([number]) * 3_000_000)
            for each in range(number + 1):
                assert bucket.get_object(f"k{each}").read() == bytes([each]) * 3_000_000
            assert process.errors() == ""
    return made


def test_names_do_not_come_again_after_a_restart(tmp_path: Path) -> None:
    made = begun(tmp_path / "one", 3)
    assert len(set(made)) == 3
    assert begun(tmp_path / "two", 2) == made[:2]  # and depend on the seed alone


def test_in_memory_every_start_is_the_first() -> None:
    assert begun(":memory:", 1) == begun(":memory:", 1)
