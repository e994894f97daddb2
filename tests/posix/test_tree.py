"""Children, orphans, names with parentheses, marks in environments, and signals that hit nobody else."""

import os
import signal
import subprocess
import sys
import time

import pytest

from hotclub.posix import cgroup, pidfd, tree

pytestmark = pytest.mark.timeout(30)


def until(condition):
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.fixture
def start():
    started = []

    def start(*argv, **more):
        started.append(subprocess.Popen(argv, stdin=subprocess.DEVNULL, start_new_session=True, **more))
        return started[-1]

    yield start
    for each in started:
        try:
            os.killpg(each.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        each.wait()


def test_own_children_and_descendants(start):
    shell = start("sh", "-c", "sh -c 'sleep 60 & wait' & wait")
    assert shell.pid in tree.own_children()
    assert set(tree.own_children()) == set(tree.children(os.getpid()))
    until(lambda: len(tree.descendants(shell.pid)) == 2)
    first, second = tree.descendants(shell.pid)
    assert (tree.name(first.pid), tree.name(second.pid)) == ("sh", "sleep")
    seen = tree.stat(second.pid)
    assert seen is not None
    assert (seen.parent, seen.session, seen.group) == (first.pid, shell.pid, shell.pid)


def test_who_is_gone_has_nothing(start):
    ended = start("true")
    ended.wait()
    assert tree.stat(ended.pid) is None
    assert tree.start_ticks(ended.pid) is None
    assert tree.name(ended.pid) == ""
    assert tree.children(ended.pid) == []
    assert tree.descendants(ended.pid) == []
    assert tree.variable(ended.pid, "PATH") is None


def test_without_the_kernels_lists_the_slow_way_finds_the_same(start, monkeypatch):
    sleeper = start("sleep", "60")
    expected = set(tree.children(os.getpid()))
    read = tree._read

    def without(path, *limit):
        if path.endswith("/children"):
            raise FileNotFoundError(path)
        return read(path, *limit)

    monkeypatch.setattr(tree, "_read", without)
    monkeypatch.setattr(os.path, "exists", lambda path: False)
    assert set(tree.own_children()) == expected
    assert sleeper.pid in expected


def test_a_name_may_hold_anything(start, tmp_path):
    odd = tmp_path / ") S 1 (\nx"
    odd.symlink_to("/bin/sleep")
    pid = start(str(odd), "60").pid
    until(lambda: tree.name(pid) == ") S 1 (\nx")
    seen = tree.stat(pid)
    assert seen is not None
    assert seen.parent == os.getpid()


def test_variables_are_matched_whole(start):
    pid = start("sleep", "60", env={"AHOTCLUB_HOUSE": "no", "HOTCLUB_HOUSE": "yes=1", "LONG": "x" * 100_000}).pid
    until(lambda: tree.name(pid) == "sleep")
    assert tree.variable(pid, "HOTCLUB_HOUSE") == "yes=1"
    assert tree.variable(pid, "OUSE") is None
    assert tree.variable(pid, "LONG") == "x" * 100_000


def test_strays_are_found_by_their_house(start):
    house = os.urandom(6).hex()
    environment = {**os.environ, "HOTCLUB_HOUSE": house}
    pid = start("sleep", "60", env=environment).pid
    other = start("sleep", "60", env={**os.environ, "HOTCLUB_HOUSE": house + "x"}).pid
    until(lambda: tree.name(pid) == tree.name(other) == "sleep")
    assert tree.strays(house) == [pid]


def test_a_process_does_not_find_itself():
    code = "import sys; from hotclub.posix import tree; sys.exit(len(tree.strays('here')))"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "HOTCLUB_HOUSE": "here"}, check=False
        ).returncode
        == 0
    )


def test_a_signal_hits_the_process_or_nobody(start):
    sleeper = start("sleep", "60")
    ticks = tree.start_ticks(sleeper.pid)
    assert ticks is not None
    assert not pidfd.send(tree.Process(sleeper.pid, ticks + 1), signal.SIGTERM)
    assert sleeper.poll() is None
    assert pidfd.send(tree.Process(sleeper.pid, ticks), signal.SIGTERM)
    assert sleeper.wait(5) == -signal.SIGTERM
    assert not pidfd.send(tree.Process(sleeper.pid, ticks), signal.SIGTERM)


def test_a_subreaper_gets_the_orphans_and_a_child_dies_with_its_parent():
    code = """
import os, signal
from hotclub.posix import subreaper, tree, wait
subreaper.become_subreaper()
middle = os.fork()
if middle == 0:
    if os.fork() == 0:
        signal.pause()
    os._exit(0)
assert wait.reap(middle) == 0
orphan, = tree.own_children()
assert tree.stat(orphan).parent == os.getpid()
os.kill(orphan, 9)
assert wait.reap(orphan) == -9
reading, writing = os.pipe()
parent = os.fork()
if parent == 0:
    if os.fork() == 0:
        subreaper.die_with_parent(signal.SIGTERM)
        os.write(writing, b"x")
        signal.pause()
    os.read(reading, 1)
    os._exit(0)
assert wait.reap(parent) == 0
orphan, = tree.own_children()
assert wait.reap(orphan) == -signal.SIGTERM
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=10)


@pytest.mark.skipif(cgroup.place() is None, reason="no cgroup v2 may be used here")
def test_a_control_group_is_ended_as_one(start):
    place = cgroup.place()
    assert place is not None
    folder = os.path.join(place, f"hotclub-test-{os.getpid()}")
    assert cgroup.make(folder)
    try:
        shell = start("sh", "-c", "read line; setsid sleep 600 & wait", stdout=subprocess.DEVNULL)
        other = start("sleep", "600")
        assert cgroup.move(folder, shell.pid)
        assert cgroup.move(folder, other.pid)
        assert (cgroup.of(shell.pid) or "").endswith(os.path.basename(folder))
        assert cgroup.populated(folder)
        assert {shell.pid, other.pid} <= set(cgroup.members(folder))
        assert not cgroup.remove(folder)
        assert cgroup.kill(folder)
        assert (shell.wait(5), other.wait(5)) == (-9, -9)
        until(lambda: not cgroup.populated(folder))
    finally:
        until(lambda: cgroup.remove(folder))
    assert cgroup.remove(folder)
    assert not cgroup.make("/proc/no/such/place")
    assert not cgroup.kill(folder)
    assert cgroup.members(folder) == []
    assert cgroup.below(folder) == []
