"""``ossemu serve``: start the emulator, say how to reach it, stop it cleanly."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys

import uvloop

from emulator.app import AccountInventory, App, PortTaken
from emulator.config import MEMORY, SettingError, Settings
from emulator.domain.model import Bucket
from emulator.storage.folder import DataFolderError
from emulator.telemetry import configure_logging
from emulator.world.document import WorldError

_EXIT_REFUSED, _EXIT_DISK_FAILED = 1, 3

_SNIPPET = """\
  import oss2
  auth = oss2.Auth({id!r}, {secret!r})
  bucket = oss2.Bucket(auth, {endpoint!r}, {bucket!r})
  bucket.put_object("hello.txt", b"hello")"""


def serve(settings: Settings) -> int:
    """Run until a signal; the return value is the exit status."""
    configure_logging(settings.log)
    return uvloop.run(_serve(settings))


async def _serve(settings: Settings) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):  # first, so that no start ends in the middle
        loop.add_signal_handler(number, stop.set)
    try:
        app = await App.start(settings)
    except (DataFolderError, PortTaken, WorldError, SettingError) as error:
        print(f"ossemu: {error}", file=sys.stderr)
        return _EXIT_REFUSED
    except OSError as error:
        print(f"ossemu: {error.filename or settings.data}: {error.strerror}", file=sys.stderr)
        return _EXIT_REFUSED
    finally:
        gc.freeze()  # no collection looks through it again
        gc.enable()
    print(banner(app), flush=True)
    stopped = asyncio.ensure_future(stop.wait())
    failed = asyncio.ensure_future(app.failed.wait())
    await asyncio.wait({stopped, failed}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    failed.cancel()
    await app.stop()
    return _EXIT_DISK_FAILED if app.failed.is_set() else 0


def banner(app: App) -> str:
    """What a person needs to use the emulator: endpoint, accounts, keys, a snippet to paste."""
    settings = app.settings
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::", "") else settings.host  # noqa: S104
    endpoint = f"http://{host}:{app.port}"
    lines = [
        f"OSS Replication Emulator at {endpoint}",
        f"  data {_data(settings)}, clock {app.clock.choice.label}",
        "",
    ]
    accounts = app.inventory()
    for account in accounts:
        lines += _account(account)
    if not accounts:
        lines.append("  no accounts yet: give --world FILE or POST one to /_emulator/world")
    usable = next((each for each in accounts if each.keys and each.buckets), None)
    if usable is not None:
        (key_id, secret), bucket = usable.keys[0], usable.buckets[0].name
        text = _SNIPPET.format(id=key_id, secret=secret, bucket=bucket, endpoint=endpoint)
        lines += ["", text]
    lines += ["", f"  health {endpoint}/_emulator/health/ready    stop with Ctrl-C"]
    return "\n".join(lines)


def _data(settings: Settings) -> str:
    if settings.data == MEMORY:
        return "in memory"
    return f"{os.path.abspath(settings.data)} (durability {settings.durability.value})"


def _account(account: AccountInventory) -> list[str]:
    return [
        f"  account {account.uid} {account.name}".rstrip(),
        *(f"    key {key_id} / {secret}" for key_id, secret in account.keys),
        *(f"    role {name}" for name in account.roles),
        *(f"    bucket {_bucket(bucket)}" for bucket in account.buckets),
    ]


def _bucket(bucket: Bucket) -> str:
    versioning = f", versioning {bucket.versioning.value}" if bucket.versioning else ""
    return f"{bucket.name} ({bucket.location}{versioning})"
