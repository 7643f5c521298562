"""Logging: one readable line an event, and never a line that a client can forge."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

LEVELS = ("debug", "info", "warning", "error")
_LINE_CHARACTERS_MAX = 4096


class _Lines(logging.Formatter):
    """Readable lines; control characters are escaped and long lines cut."""

    def format(self, record: logging.LogRecord) -> str:
        at = self.formatTime(record, "%Y-%m-%dT%H:%M:%S")
        text = f"{at} {record.levelname.lower()} {record.name} {record.getMessage()}"
        line = text.encode("unicode_escape").decode("ascii")[:_LINE_CHARACTERS_MAX]
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def configure_logging(level: str, stream: TextIO | None = None) -> None:
    """Send the emulator's events to ``stream`` (default: standard error)."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Lines())
    logger = logging.getLogger("ossemu")
    logger.handlers[:] = [handler]
    logger.propagate = False
    logger.setLevel(level.upper())
    # asyncio reports what no task awaited; it belongs into the same place
    logging.getLogger("asyncio").handlers[:] = [handler]
