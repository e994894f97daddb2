"""Births, failures by stage, exits with their status."""

import os
import signal

import pytest
from tests.keeper.houses import until

from hotclub.posix import tree
from hotclub.wire import house

pytestmark = pytest.mark.timeout(30)


def test_the_first_daemon_is_welcomed(home):
    daemon = home.daemon()
    welcome, held, settled = daemon.takeover()
    assert welcome == house.Welcome(number=1, house=home.id, keeper=home.pid, boot=1, cause="", dropped={})
    assert held.names == ["api"]
    assert settled.number == 3


def test_a_program_is_born_with_its_token_and_dies_with_its_status(home):
    daemon = home.start()
    reading, writing = os.pipe()
    script = 'echo "$HOTCLUB_TOKEN $HOTCLUB_HOUSE $COLOUR"; exit 7'
    daemon.send(
        house.Spawn(token="web:1#1", argv=["sh", "-c", script], cwd="/", env={"COLOUR": "red"}, stdout="fd:0"),
        [writing],
    )
    os.close(writing)
    born = daemon.expect(house.Born, token="web:1#1")
    ended = daemon.expect(house.Exited, token="web:1#1")
    assert (ended.pid, ended.status, ended.leftovers) == (born.pid, 7, [])
    assert ended.ended >= born.started
    with open(reading) as output:
        assert output.read() == f"web:1#1 {home.id} red\n"


@pytest.mark.parametrize(
    ("stage", "changes", "words"),
    [
        ("cwd", {"cwd": "/no/such/folder"}, "No such file"),
        ("exec", {"argv": ["no-such-command"]}, "no such command in PATH="),
        ("exec", {"argv": ["/etc/passwd"]}, "Permission denied"),
        ("exec", {"argv": ["a\0b"]}, "null"),
        ("exec", {"argv": []}, ""),
    ],
)
def test_a_failed_birth_names_its_stage(home, stage, changes, words):
    daemon = home.start()
    wanted = {"token": "a:1#1", "argv": ["true"], "cwd": "/", **changes}
    daemon.send(house.Spawn(**wanted))
    unborn = daemon.expect(house.Unborn, token="a:1#1")
    assert unborn.stage == stage
    assert words in unborn.reason


def test_a_repeated_token_is_answered_with_the_first_birth(home):
    daemon = home.start()
    first = daemon.spawn("a:1#1", "sleep", "60")
    again = daemon.spawn("a:1#1", "sleep", "60")
    assert (again.pid, again.started) == (first.pid, first.started)
    daemon.send(house.Signal(token="a:1#1", signal=signal.SIGTERM))
    assert daemon.expect(house.Exited).status == -signal.SIGTERM
    daemon.send(house.Spawn(token="a:1#1", argv=["sleep", "60"], cwd="/"))
    assert daemon.expect(house.Exited).pid == first.pid
    daemon.send(house.Ack(token="a:1#1"))
    assert daemon.spawn("a:1#1", "true").pid != first.pid


def test_children_are_not_given_our_descriptors_nor_our_limit(home):
    daemon = home.start()
    born = daemon.spawn("a:1#1", "sleep", "60")
    # It opens and closes files of its own while it starts; one of ours would stay.
    until(lambda: sorted(os.listdir(f"/proc/{born.pid}/fd"), key=int) == ["0", "1", "2"])
    with open(f"/proc/{born.pid}/limits") as file, open("/proc/self/limits") as own:
        wanted = next(line for line in own if line.startswith("Max open files"))
        assert wanted in file.read()
    assert os.getsid(born.pid) == born.pid


def test_the_title_keeps_the_environment_readable(home):
    home.start()
    with open(f"/proc/{home.pid}/cmdline") as file:
        assert file.read().startswith("hotclub keeper ")
    assert tree.variable(home.pid, "HOTCLUB_HOUSE") == home.id


def test_a_fork_of_another_child_is_adopted(home, tmp_path):
    """A child that double-forks is what a zygote does: the grandchild becomes the keeper's child."""
    daemon = home.start()
    pid_file = tmp_path / "pid"
    script = f"(sh -c 'echo $$ > {pid_file}.new; mv {pid_file}.new {pid_file}; exec sleep 60' &)"
    daemon.send(
        house.Spawn(
            token="zygote#1", argv=["sh", "-c", script],
            cwd="/", leftovers="leave",
        )
    )  # fmt: skip
    daemon.expect(house.Exited, token="zygote#1")
    until(pid_file.exists)
    pid = int(pid_file.read_text())
    daemon.send(house.Adopt(token="w:1#1", pid=pid, started=1.0))
    assert daemon.expect(house.Unborn, token="w:1#1").stage == "adopt"
    ticks = tree.start_ticks(pid)
    assert ticks is not None
    daemon.send(house.Adopt(token="w:1#1", pid=pid, started=ticks, key="w:1", record=b"mine"))
    assert daemon.expect(house.Born, token="w:1#1").pid == pid
    daemon.send(house.Adopt(token="w:2#1", pid=os.getpid(), started=1.0))
    assert daemon.expect(house.Unborn, token="w:2#1").stage == "adopt"
    daemon.send(house.Signal(token="w:1#1", signal=9))
    assert daemon.expect(house.Exited, token="w:1#1").status == -9
