"""Secrets do not leave the daemon: neither passwords in addresses nor values whose name says what they are."""

from __future__ import annotations

import re

MASK = "•••"
_NAMES = re.compile(r"passw|secret|token|credential|private|api_?key|_key$|^key$|dsn", re.IGNORECASE)
_IN_URL = re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]+@")


def text(shown: str) -> str:
    """A command or message with the passwords of its URLs masked."""
    return _IN_URL.sub(rf"\1:{MASK}@", shown) if "://" in shown else shown


def value(name: str, shown: str) -> str:
    """The value of an environment variable, masked when the variable's name speaks of a secret."""
    return MASK if shown and _NAMES.search(name) else text(shown)
