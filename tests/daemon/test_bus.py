"""The journal of facts: numbers go on, the newest survive, and a kill in the middle of a write tears nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotclub.daemon.bus import CAPACITY, Bus, Journal, Told, fact_from_json, to_json
from hotclub.model import facts


@pytest.fixture
def fd():
    fd = os.memfd_create("journal")
    yield fd
    os.close(fd)


def test_a_follower_gets_what_came_after_the_number_it_saw(fd):
    bus = Bus(fd, clock=lambda: 12.5)
    told = [bus.tell(facts.ProcessReady("web:1", pid)) for pid in range(1, 6)]
    assert [each.seq for each in told] == [1, 2, 3, 4, 5]
    assert bus.after(3) == told[3:]
    assert bus.after(5) == []
    assert bus.after(0) == told
    bus.close()


def test_the_next_daemon_goes_on_counting_and_still_knows_everything(fd):
    first = Bus(fd)
    told = [first.tell(facts.ProcessExited("a:1", 7, -9, expected=False, uptime=1.5, leftovers=("8 sleep",)))]
    first.close()
    second = Bus(fd)
    told.append(second.tell(facts.Stopping("because")))
    assert second.after(0) == told
    assert told[1].seq == 2
    second.close()


def test_every_fact_survives_json():
    fact = facts.ConfigurationApplied(("a",), (), ("b", "c"), (), ("d",))
    shape = to_json(told_once(fact))
    assert fact_from_json(shape) == fact


def told_once(fact):
    return Told(1, 2.0, fact)


def test_listeners_hear_what_is_told_until_they_leave(fd):
    heard: list[Told] = []
    bus = Bus(fd)
    leave = bus.subscribe(heard.append)
    bus.tell(facts.ProcessWaiting("a:1"))
    leave()
    bus.tell(facts.ProcessWaiting("b:1"))
    assert [each.fact for each in heard] == [facts.ProcessWaiting("a:1")]
    bus.close()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 60_000), min_size=1, max_size=120))
def test_the_ring_keeps_the_newest_that_fit(sizes):
    fd = os.memfd_create("journal")
    try:
        journal = Journal(fd)
        lines = [bytes([n % 251]) * size for n, size in enumerate(sizes)]
        for n, line in enumerate(lines):
            journal.append(line, n + 1)
        kept = journal.entries()
        assert kept == lines[len(lines) - len(kept) :]
        room = CAPACITY - sum(len(line) + 4 for line in kept)
        dropped = lines[: len(lines) - len(kept)]
        assert not dropped or len(dropped[-1]) + 4 > room
        journal.close()
    finally:
        os.close(fd)


WRITER = """
import sys
from hotclub.daemon.bus import Journal
journal = Journal(int(sys.argv[1]))
n = journal.last
print("writing", flush=True)
while True:
    n += 1
    journal.append(b"%d " % n * (n % 300 + 1), n)
"""


@pytest.mark.parametrize("moment", range(8))
def test_a_kill_in_the_middle_of_writing_tears_nothing(fd, moment):
    with subprocess.Popen([sys.executable, "-c", WRITER, str(fd)], pass_fds=[fd], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        try:
            writer.wait(0.02 + 0.011 * moment)
        except subprocess.TimeoutExpired:
            writer.send_signal(signal.SIGKILL)
    journal = Journal(fd)
    numbers = [int(line.split()[0]) for line in journal.entries()]
    assert numbers == list(range(numbers[0], journal.last + 1))
    assert all(line == b"%d " % n * (n % 300 + 1) for n, line in zip(numbers, journal.entries(), strict=True))
    journal.close()
