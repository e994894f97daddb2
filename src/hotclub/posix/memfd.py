"""Files without a name. See memfd_create(2), fcntl(2) about seals."""

from __future__ import annotations

import os
import sys

if sys.platform == "linux":
    import fcntl


def create(name: str) -> int:
    """An empty one that may be sealed; close-on-exec."""
    return os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)


def sealed(name: str, data: bytes) -> int:
    """One that holds `data` for good."""
    fd = create(name)
    try:
        write(fd, data)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _seals())
    except BaseException:
        os.close(fd)
        raise
    return fd


def is_sealed(fd: int) -> bool:
    """Whether nobody can change it any more."""
    try:
        return fcntl.fcntl(fd, fcntl.F_GET_SEALS) & _seals() == _seals()
    except OSError:
        return False


def write(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def contents(fd: int) -> bytes:
    """All of it, wherever its position is."""
    size = os.fstat(fd).st_size
    parts: list[bytes] = []
    at = 0
    while at < size and (part := os.pread(fd, size - at, at)):
        parts.append(part)
        at += len(part)
    return b"".join(parts)


def _seals() -> int:
    return fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK
