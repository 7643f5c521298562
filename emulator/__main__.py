"""The command line: ``ossemu serve``."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from emulator import __version__
from emulator.config import (
    FLAGS,
    SettingError,
    Settings,
    process_environment,
    read_settings,
)

_EXIT_USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the return value is the exit status."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.command != "serve":
        parser.print_help()
        return _EXIT_USAGE
    try:
        settings = _settings(given)
    except SettingError as error:
        print(f"ossemu: {error}", file=sys.stderr)
        return _EXIT_USAGE
    gc.disable()  # nearly all that is made until the server is up stays: see ``serve``
    from emulator.serve import serve  # here, so that --help does not load the server

    return serve(settings)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ossemu", description="Alibaba Cloud OSS with replicating buckets, in one process."
    )
    parser.add_argument("--version", action="version", version=f"ossemu {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    serve = commands.add_parser(
        "serve",
        help="start the emulator",
        description="Start the emulator. Every flag can also be given as an OSSEMU_… variable "
        "or as a key of the YAML settings file.",
    )
    for flag in FLAGS:
        serve.add_argument(f"--{flag.name}", metavar=flag.metavar, help=flag.help)
    serve.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a named setting, such as repl.start_delay_s=0; may be repeated",
    )
    serve.add_argument("--settings", metavar="FILE", help="a YAML file with settings")
    return parser


def _settings(given: argparse.Namespace) -> Settings:
    environment = process_environment()
    file = given.settings or environment.get("OSSEMU_SETTINGS")
    values = _read_file(Path(file)) if file else {}
    flags = {flag.name: getattr(given, flag.name) for flag in FLAGS}
    return read_settings(flags, given.set, environment, values)


def _read_file(path: Path) -> Mapping[str, object]:
    import yaml  # here, so that a start without a file does not load it

    try:
        values = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise SettingError(f"the settings file {path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        problem = " ".join(str(error).split())
        raise SettingError(f"the settings file {path} is no valid YAML: {problem}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise SettingError(f"the settings file {path} must be a mapping of names to values")
    return {str(name): value for name, value in values.items()}


if __name__ == "__main__":
    sys.exit(main())
