"""Signals, and what is left when a process has ended."""

import os
import signal

import pytest
from tests.keeper.houses import gone, until

from hotclub.posix import cgroup
from hotclub.wire import house

pytestmark = pytest.mark.timeout(30)

#: Each starts something that would outlive the shell, writes "ready" to $1 when it is there, and waits.
LEAVES_A_CHILD = 'sleep 600 & echo $! > "$1.x"; mv "$1.x" "$1"; exec sleep 601'
LEAVES_A_SESSION = 'setsid sleep 600 & echo $! > "$1.x"; mv "$1.x" "$1"; exec sleep 601'
LEAVES_AN_ORPHAN = (
    '(setsid sh -c \'echo $$ > "$1.x"; mv "$1.x" "$1"; sleep 602 & exec sleep 600\' - "$1" &); exec sleep 601'
)
LEAVES_DEAF = (
    'trap "" TERM HUP INT; (trap "" TERM; exec setsid sleep 600) & echo $! > "$1.x"; mv "$1.x" "$1"; exec sleep 601'
)
BELOW = {
    "child": LEAVES_A_CHILD,
    "session": LEAVES_A_SESSION,
    "orphan": LEAVES_AN_ORPHAN,
    "deaf": LEAVES_DEAF,
}


@pytest.fixture(params=["tree", "cgroup"])
def started(request, make_house):
    """A house that goes by the tree alone, and one that uses cgroups where this machine lets it."""
    if request.param == "cgroup" and cgroup.place() is None:
        pytest.skip("no cgroup v2 may be used here")
    home = make_house(options=["--no-cgroup"] if request.param == "tree" else [])
    return home, home.start()


def leave(daemon, folder, script):
    """Start a script of the above; the pids of the process and of what would outlive it."""
    file = folder / "left.pid"
    born = daemon.spawn("a:1#1", "sh", "-c", script, "-", str(file))
    until(file.exists, "the child of the child")
    return born.pid, int(file.read_text())


@pytest.mark.parametrize("kind", BELOW)
def test_what_a_dead_process_leaves_is_ended_and_named(started, tmp_path, kind):
    _, daemon = started
    pid, left = leave(daemon, tmp_path, BELOW[kind])
    os.kill(pid, signal.SIGKILL)
    ended = daemon.expect(house.Exited)
    assert gone(left)
    assert (ended.pid, ended.status) == (pid, -9)
    assert left in [int(leftover.split()[0]) for leftover in ended.leftovers]
    assert kind != "orphan" or len(ended.leftovers) >= 2
    while not daemon.silent():  # the `mv` of the script may have been caught on its way out
        assert daemon.receive().pid != left, "what was ended as leftover is not a stray besides"


@pytest.mark.parametrize("kind", BELOW)
def test_a_tree_is_signalled_whole(started, tmp_path, kind):
    _, daemon = started
    pid, left = leave(daemon, tmp_path, BELOW[kind])
    daemon.send(house.Signal(token="a:1#1", signal=signal.SIGKILL, scope="tree"))
    assert daemon.expect(house.Exited).pid == pid
    assert gone(left)


def test_leftovers_may_be_left(started, tmp_path):
    _, daemon = started
    file = tmp_path / "pid"
    script = f"(setsid sh -c 'echo $$ > {file}.x; mv {file}.x {file}; exec sleep 600' &); exec sleep 601"
    daemon.spawn("a:1#1", "sh", "-c", script, leftovers="leave")
    until(file.exists)
    left = int(file.read_text())
    daemon.send(house.Signal(token="a:1#1", signal=signal.SIGKILL))
    assert daemon.expect(house.Exited).leftovers == []
    assert not gone(left)
    os.kill(left, signal.SIGTERM)
    stray = daemon.expect(house.Stray)
    assert (stray.pid, stray.status) == (left, -signal.SIGTERM)


def test_an_orphan_of_a_living_process_is_not_ended_with_another(started, tmp_path):
    _, daemon = started
    _, left = leave(daemon, tmp_path, LEAVES_AN_ORPHAN)
    other = daemon.spawn("b:1#1", "sleep", "600")
    os.kill(other.pid, signal.SIGKILL)
    assert daemon.expect(house.Exited, token="b:1#1").leftovers == []
    assert not gone(left)


def test_a_signal_goes_to_the_process_or_to_its_group(home, tmp_path):
    daemon = home.start()
    script = (
        'trap "" TERM; (trap "echo heard >> $1" TERM; while :; do sleep 0.01; done) & '
        'echo $! > "$2.x"; mv "$2.x" "$2"; wait; wait'
    )
    heard, file = tmp_path / "heard", tmp_path / "pid"
    born = daemon.spawn("a:1#1", "sh", "-c", script, "-", str(heard), str(file))
    until(file.exists)
    daemon.send(house.Signal(token="a:1#1", signal=signal.SIGTERM))
    daemon.send(house.Put(key="x", record=b""))
    assert daemon.silent()
    assert not heard.exists()
    daemon.send(house.Signal(token="a:1#1", signal=signal.SIGTERM, scope="group"))
    until(heard.exists)
    assert not gone(born.pid)


def test_a_signal_to_what_is_unknown_or_dead_goes_nowhere(home):
    daemon = home.start()
    daemon.send(house.Signal(token="nobody#1", signal=9, key="a", record=b"kept"))
    daemon.spawn("a:1#1", "true")
    daemon.expect(house.Exited)
    daemon.send(house.Signal(token="a:1#1", signal=9, scope="tree"))
    assert daemon.spawn("b:1#1", "sleep", "600")


def test_leftovers_do_not_hold_up_others(home, tmp_path):
    """While one zombie is pinned, other exits are seen."""
    daemon = home.start()
    pid, _ = leave(daemon, tmp_path, LEAVES_AN_ORPHAN)
    for n in range(20):
        daemon.spawn(f"b:{n}#1", "sleep", "600")
    os.kill(pid, signal.SIGKILL)
    for n in range(20):
        daemon.send(house.Signal(token=f"b:{n}#1", signal=9))
    ended = {daemon.expect(house.Exited).token for _ in range(21)}
    assert ended == {"a:1#1", *(f"b:{n}#1" for n in range(20))}


def test_end_sweeps_and_exits_with_the_code(home, tmp_path):
    daemon = home.start()
    pid, left = leave(daemon, tmp_path, LEAVES_AN_ORPHAN)
    daemon.send(house.End(code=5))
    daemon.exit(0)
    assert home.wait() == 5
    assert gone(pid)
    assert gone(left)
    assert not os.path.exists(home.api_path)


def test_a_daemon_that_said_end_but_does_not_leave_is_ended(home):
    daemon = home.start()
    daemon.send(house.End(code=3))
    assert home.wait(10) == 3
