"""Listening sockets that are safe to hold for long. See unix(7), ip(7)."""

from __future__ import annotations

import errno
import os
import socket
import stat

#: Room for a burst of connections while the one who accepts is being replaced.
BACKLOG = 1024
#: Bytes of a path that fit into a Unix socket's address, without the ending zero.
UNIX_PATH_MAX = 107


def listen_unix(path: str, mode: int = 0o600) -> socket.socket:
    """A listening stream socket at `path`; a socket that stood there is replaced, anything else is an error.

    The file never has wider rights than `mode`: it is bound under a name nobody knows, in the same folder, and then
    renamed, which replaces a symlink instead of following it. The caller holds a lock that makes the old one stale.
    """
    try:
        standing = os.lstat(path)
    except FileNotFoundError:
        pass
    else:
        if not stat.S_ISSOCK(standing.st_mode):
            raise FileExistsError(errno.EEXIST, "there is something here that is not a socket", path)
    folder, file = os.path.split(path)
    hidden = os.path.join(folder, f".{os.getpid():x}")
    if len(os.fsencode(max(path, hidden, key=len))) > UNIX_PATH_MAX:
        raise OSError(errno.ENAMETOOLONG, f"longer than the {UNIX_PATH_MAX} bytes of a socket's address", path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove(hidden)
        before = os.umask(0o777 & ~mode)
        try:
            listener.bind(hidden)
        finally:
            os.umask(before)
        listener.listen(BACKLOG)
        os.rename(hidden, os.path.join(folder, file))
    except BaseException:
        listener.close()
        _remove(hidden)
        raise
    listener.setblocking(False)
    return listener


def listen_tcp(host: str, port: int) -> socket.socket:
    """A listening TCP socket, IPv4 or IPv6 as `host` is written. Port 0 lets the kernel choose."""
    family, kind, proto, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV
    )[0]
    listener = socket.socket(family, kind, proto)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
