"""Sockets, memfds and timers."""

import os
import select
import socket
import stat
import time

import pytest

from hotclub.posix import memfd, sockets, timerfd

pytestmark = pytest.mark.timeout(30)


def test_a_unix_socket_is_for_its_owner_alone(tmp_path):
    path = tmp_path / "api.sock"
    before = os.umask(0)
    try:
        with sockets.listen_unix(str(path)) as listener:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert os.listdir(tmp_path) == ["api.sock"]
            assert not os.get_inheritable(listener.fileno())
            with socket.socket(socket.AF_UNIX) as caller:
                caller.connect(str(path))
                listener.accept()[0].close()
    finally:
        os.umask(before)


def test_a_stale_socket_is_replaced(tmp_path):
    path = str(tmp_path / "api.sock")
    sockets.listen_unix(path).close()
    with sockets.listen_unix(path), socket.socket(socket.AF_UNIX) as caller:
        caller.connect(path)


@pytest.mark.parametrize("kind", ["file", "symlink", "folder"])
def test_nothing_else_is_replaced(tmp_path, kind):
    path = tmp_path / "api.sock"
    target = tmp_path / "target"
    if kind == "file":
        path.write_text("mine")
    elif kind == "folder":
        path.mkdir()
    else:
        sockets.listen_unix(str(target)).close()
        path.symlink_to(target)
    with pytest.raises(FileExistsError, match="not a socket"):
        sockets.listen_unix(str(path))


def test_a_path_that_is_too_long_is_named(tmp_path):
    with pytest.raises(OSError, match="107 bytes"):
        sockets.listen_unix(str(tmp_path / ("x" * 120)))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_tcp(host):
    try:
        listener = sockets.listen_tcp(host, 0)
    except OSError:
        pytest.skip(f"no {host} here")
    with listener, socket.create_connection(listener.getsockname()[:2]), pytest.raises(OSError, match="in use"):
        sockets.listen_tcp(host, listener.getsockname()[1])


def test_memfds():
    fd = memfd.create("test")
    assert not memfd.is_sealed(fd)
    memfd.write(fd, b"abc")
    assert memfd.contents(fd) == b"abc"
    os.close(fd)
    fd = memfd.sealed("test", b"x" * 1_000_000)
    assert memfd.is_sealed(fd)
    assert memfd.contents(fd) == b"x" * 1_000_000
    with pytest.raises(PermissionError):
        os.pwrite(fd, b"y", 0)
    os.close(fd)
    with open("/dev/null") as file:
        assert not memfd.is_sealed(file.fileno())


def test_a_timer_is_due_at_its_time():
    fd = timerfd.create()
    assert not timerfd.read(fd)
    timerfd.arm(fd, time.time() + 0.05)
    assert select.select([fd], [], [], 5)[0]
    assert timerfd.read(fd)
    timerfd.arm(fd, time.time() + 0.02)
    timerfd.arm(fd, None)
    assert not select.select([fd], [], [], 0.1)[0]
    timerfd.arm(fd, time.time() - 10)
    assert select.select([fd], [], [], 5)[0]
    os.close(fd)
