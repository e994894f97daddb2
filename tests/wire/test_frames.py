"""Frames over real sockets: data of any length, descriptors, ends, and what is no frame."""

import array
import os
import socket

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hotclub.posix import memfd
from hotclub.wire import frames

pytestmark = pytest.mark.timeout(30)


@pytest.fixture
def ends():
    left, right = frames.pair()
    with left, right:
        yield left, right


def open_descriptors():
    return len(os.listdir("/proc/self/fd"))


@given(data=st.binary(max_size=200), count=st.integers(0, frames.FDS), long=st.booleans())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_is_sent_arrives(ends, data, count, long):
    left, right = ends
    sent = data * 2000 if long else data
    before = open_descriptors()
    reading, writing = os.pipe()
    frames.send(left, sent, [writing] * count)
    received = frames.receive(right)
    assert received is not None
    assert received[0] == sent
    assert len(received[1]) == count
    for n, fd in enumerate(received[1]):
        assert not os.get_inheritable(fd)
        os.write(fd, bytes([n]))
        os.close(fd)
    os.close(writing)
    assert os.read(reading, 100) == bytes(range(count))
    os.close(reading)
    assert open_descriptors() == before


@pytest.mark.parametrize("size", [0, 1, frames.INLINE - 1, frames.INLINE, frames.INLINE + 1, 5_000_000])
def test_lengths_at_the_border(ends, size):
    left, right = ends
    frames.send(left, b"x" * size)
    assert frames.receive(right) == (b"x" * size, [])


def test_nothing_there_and_the_end(ends):
    left, right = ends
    with pytest.raises(BlockingIOError):
        frames.receive(right)
    frames.send(left, b"")
    left.close()
    assert frames.receive(right) == (b"", [])
    assert frames.receive(right) is None


def test_a_full_socket_takes_nothing(ends):
    left, right = ends
    sent = 0
    before = open_descriptors()
    try:
        while True:
            frames.send(left, sent.to_bytes(4, "big") + b"x" * 20_000, [0])
            sent += 1
    except BlockingIOError:
        assert sent > 3
    for n in range(sent):
        received = frames.receive(right)
        assert received is not None
        assert int.from_bytes(received[0][:4], "big") == n
        os.close(received[1][0])
    with pytest.raises(BlockingIOError):
        frames.receive(right)
    assert open_descriptors() == before


def test_nobody_there(ends):
    left, right = ends
    right.close()
    with pytest.raises(BrokenPipeError):
        frames.send(left, b"x")


def test_what_was_sent_before_a_death_is_received(ends):
    """The kernel reports the reset before the data; nothing may be lost by that."""
    left, right = ends
    frames.send(right, b"never read")
    frames.send(left, b"last words")
    left.close()
    assert frames.receive(right) == (b"last words", [])
    assert frames.receive(right) is None


def test_too_much_is_refused_before_it_is_sent(ends):
    left, right = ends
    with pytest.raises(ValueError, match="64 descriptors"):
        frames.send(left, b"", [0] * 65)
    with pytest.raises(BlockingIOError):
        frames.receive(right)


def rights(*fds):
    return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]


def unsealed():
    fd = memfd.create("test")
    os.write(fd, b"x")
    return fd


@pytest.mark.parametrize(
    ("data", "count"),
    [(b"\x02what", 1), (b"\x01", 0), (b"\x00", 100), (b"\x00" + b"x" * (frames.INLINE + 1), 3)],
)
def test_damage_is_an_error_that_leaks_nothing(ends, data, count):
    left, right = ends
    before = open_descriptors()
    left.sendmsg([data], rights(*[0] * count))
    with pytest.raises(frames.FrameError):
        frames.receive(right)
    assert open_descriptors() == before


def test_long_data_must_be_sealed(ends):
    left, right = ends
    fd = unsealed()
    before = open_descriptors()
    left.sendmsg([b"\x01"], rights(fd))
    with pytest.raises(frames.FrameError, match="not sealed"):
        frames.receive(right)
    left.sendmsg([b"\x01"], rights(0))
    with pytest.raises(frames.FrameError):
        frames.receive(right)
    assert open_descriptors() == before
    os.close(fd)
