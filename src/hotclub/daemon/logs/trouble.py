"""When output cannot be written: it is thrown away and counted, so that the program that writes it goes on.

The first failure is told at once, and again each time the loss has doubled. Writing is tried again when new
output comes, at most once a second; nothing waits for that.
"""

from __future__ import annotations

import errno
import functools
import os
import time
from collections.abc import Callable

from hotclub.posix.splice import splice

_RETRY = 1.0
_MOST = 1024 * 1024


class Trouble:
    def __init__(self, on_trouble: Callable[[str, int], None], on_recovery: Callable[[int], None]) -> None:
        self.dropped = 0
        self.reason = ""  #: empty while all is well
        self._on_trouble, self._on_recovery = on_trouble, on_recovery
        self._retry = 0.0
        self._tell_at = 0

    @property
    def resting(self) -> bool:
        """Whether it is too early to try again."""
        return bool(self.reason) and time.monotonic() < self._retry

    def failed(self, error: OSError, path: str) -> None:
        self._retry = time.monotonic() + _RETRY
        if not self.reason:
            self.dropped, self._tell_at = 0, -1
        self.reason = _explain(error, path)

    def drop(self, count: int) -> None:
        """So many bytes more are lost."""
        self.dropped += count
        if self.dropped > self._tell_at:
            self._tell_at = max(self.dropped, 1) * 2
            self._on_trouble(self.reason, self.dropped)

    def discard(self, pipe: int) -> int:
        """Empty the pipe into nothing; like `splice`."""
        count = splice(pipe, _nothing(), _MOST)
        if count:
            self.drop(count)
        return count

    def note(self) -> bytes:
        """The line that the log gets where bytes are missing."""
        return f"[hotclub] {self.dropped} bytes of output are missing here: {self.reason}\n".encode()

    def over(self) -> None:
        """Writing works again."""
        self.reason = ""
        self._on_recovery(self.dropped)


def _explain(error: OSError, path: str) -> str:
    if error.errno == errno.ELOOP:
        return f"{path} is a symbolic link, and logs are never written through one: remove it"
    return f"{error.filename or path}: {error.strerror or error}"


@functools.cache
def _nothing() -> int:
    return os.open(os.devnull, os.O_WRONLY | getattr(os, "O_CLOEXEC", 0))
