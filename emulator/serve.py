"""``ossemu serve``: start the emulator, say how to reach it, stop it cleanly."""

from __future__ import annotations

import asyncio
import signal
import sys

import uvloop

from emulator.app import App, PortTaken
from emulator.config import SettingError, Settings
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
    try:
        app = await App.start(settings)
    except (DataFolderError, PortTaken, WorldError, SettingError) as error:
        print(f"ossemu: {error}", file=sys.stderr)
        return _EXIT_REFUSED
    except OSError as error:
        print(f"ossemu: {error.filename or settings.data}: {error.strerror}", file=sys.stderr)
        return _EXIT_REFUSED
    print(banner(app), flush=True)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
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
        f"  data {settings.data} (durability {settings.durability.value}), "
        f"clock {app.clock.mode.value}",
        "",
    ]
    first = ("", "", "")
    for account in app.inventory():
        lines.append(f"  account {account.uid} {account.name}".rstrip())
        for key_id, secret in account.keys:
            lines.append(f"    key {key_id} / {secret}")
        for bucket in account.buckets:
            lines.append(f"    bucket {bucket}")
        if not first[0] and account.keys and account.buckets:
            first = (*account.keys[0], account.buckets[0].split()[0])
    if first[0]:
        text = _SNIPPET.format(id=first[0], secret=first[1], bucket=first[2], endpoint=endpoint)
        lines += ["", text]
    lines += ["", f"  health {endpoint}/_emulator/health/ready    stop with Ctrl-C"]
    return "\n".join(lines)
