"""A daemon dies, hangs, or cannot live; the house goes on."""

import os
import signal
import time

import pytest
from tests.keeper.houses import gone, until

from hotclub.posix import tree
from hotclub.wire import house

pytestmark = pytest.mark.timeout(40)


def only(kind, messages):
    return [message for message in messages if isinstance(message, kind)]


def test_the_next_daemon_gets_everything_back(home):
    first = home.start()
    reading, writing = os.pipe()
    lives = first.spawn("a:1#1", "sleep", "600", key="a:1", record=b"\x00one\xff")
    first.send(house.Hold(names=["log:a:1#1:out"]), [reading])
    first.send(house.Put(key="house", record=b"fleet"))
    first.send(house.Put(key="old", record=b"gone"))
    first.send(house.Put(key="old"))
    died = first.spawn("b:1#3", "sh", "-c", "exit 4", key="b:1", record=b"two")
    first.expect(house.Exited, token="b:1#3")
    first.kill()

    second = home.daemon()
    messages = second.takeover()
    welcome = messages[0]
    assert (welcome.boot, welcome.cause) == (2, "it was killed by SIGKILL (9)")
    entries = {entry.token: entry for entry in only(house.Entry, messages)}
    assert (entries["a:1#1"].pid, entries["a:1#1"].started, entries["a:1#1"].status) == (lives.pid, lives.started, None)
    assert (entries["b:1#3"].pid, entries["b:1#3"].status) == (died.pid, 4)
    assert {r.key: r.record for r in only(house.Record, messages)} == {
        "a:1": b"\x00one\xff", "b:1": b"two", "house": b"fleet",
    }  # fmt: skip
    names = [name for held in only(house.Held, messages) for name in held.names]
    assert names == ["api", "log:a:1#1:out"]
    os.write(writing, b"bytes")
    assert os.read(second.kept[1], 10) == b"bytes"
    assert [message.number for message in messages] == list(range(1, len(messages) + 1))

    second.send(house.Ack(token="b:1#3", key="b:1", record=b"three"))
    second.send(house.Release(names=["log:a:1#1:out"]))
    second.kill()
    third = home.daemon()
    messages = third.takeover()
    assert [entry.token for entry in only(house.Entry, messages)] == ["a:1#1"]
    assert {r.key: r.record for r in only(house.Record, messages)}["b:1"] == b"three"
    assert [held.names for held in only(house.Held, messages)] == [["api"]]
    os.close(reading)
    os.close(writing)


def test_what_a_daemon_said_last_is_obeyed(home):
    daemon = home.start()
    daemon.answers = False
    for n in range(50):
        daemon.send(house.Spawn(token=f"a:{n}#1", argv=["sleep", "600"], cwd="/", key=f"a:{n}", record=b"x"))
    daemon.kill()
    messages = home.daemon().takeover()
    assert len(only(house.Entry, messages)) == len(only(house.Record, messages)) == 50


def test_exits_while_there_is_no_daemon_are_kept(home):
    first = home.start()
    born = [first.spawn(f"a:{n}#1", "sleep", "600") for n in range(3)]
    first.kill(signal.SIGSTOP)
    for each in born:
        os.kill(each.pid, signal.SIGTERM)
    until(lambda: all(gone(each.pid) for each in born))
    os.kill(first.pid, signal.SIGKILL)
    second = home.daemon()
    entries = only(house.Entry, second.takeover())
    assert [entry.status for entry in entries] == [-signal.SIGTERM] * 3
    assert second.silent()


def test_a_thousand_descriptors_and_long_records(home):
    first = home.start()
    reading, writing = os.pipe()
    for n in range(0, 1000, 50):
        first.send(house.Hold(names=[f"log:p:{n + i}#1:out" for i in range(50)]), [reading] * 50)
    record = os.urandom(300_000)
    first.send(house.Put(key="house", record=record))
    first.kill()
    messages = home.daemon().takeover()
    assert sum(len(held.names) for held in only(house.Held, messages)) == 1001
    assert only(house.Record, messages)[0].record == record
    os.close(reading)
    os.close(writing)


def test_a_deaf_daemon_holds_nobody_up(home):
    """Far more news than its line takes: they are told when it listens again."""
    daemon = home.start()
    daemon.answers = False
    for n in range(1500):
        daemon.send_when_possible(house.Spawn(token=f"a:{n}#1", argv=["/bin/true"], cwd="/"))
    until(lambda: len(tree.children(home.pid)) == 1, "all have ended", 20)
    daemon.answers = True
    told = [daemon.receive() for _ in range(3000)]
    assert len({message.token for message in only(house.Born, told)}) == 1500
    assert len({message.token for message in only(house.Exited, told)}) == 1500


def test_a_hung_daemon_is_cured(make_house):
    home = make_house(options=["--patience", "0.5"])
    first = home.start()
    born = first.spawn("a:1#1", "sleep", "600")
    os.kill(first.pid, signal.SIGSTOP)
    first.answers = False
    before = time.monotonic()
    home.signal(signal.SIGUSR1)
    second = home.daemon()
    assert time.monotonic() - before >= 0.5
    messages = second.takeover()
    assert messages[0].cause == "it hung: no answer for 0.5 s"
    assert only(house.Entry, messages)[0].pid == born.pid
    assert gone(first.pid)


def test_a_daemon_that_answers_is_left_alone(make_house):
    home = make_house(options=["--patience", "0.3"])
    daemon = home.start()
    for _ in range(5):
        home.signal(signal.SIGUSR1)
        daemon.expect(house.Ping)
    assert daemon.silent(0.5)
    assert not gone(daemon.pid)


def test_nonsense_ends_the_daemon_not_the_keeper(home):
    first = home.start()
    first.link.send(b"\x00 nonsense")
    second = home.daemon()
    assert second.takeover()[0].cause.startswith("it sent what is no message")
    second.send(house.Hold(names=["a", "b"]))
    third = home.daemon()
    assert "order that makes no sense" in third.takeover()[0].cause


def test_signals_are_repeated_until_they_are_seen(home):
    first = home.start()
    first.answers = False
    home.signal(signal.SIGINT)
    assert first.expect(house.Signalled).count == 1
    first.kill()
    second = home.daemon()
    second.takeover()
    again = second.expect(house.Signalled)
    assert (again.signal, again.count) == (signal.SIGINT, 1)
    second.kill()
    third = home.daemon()
    third.takeover()
    assert third.silent()


def test_strays_are_repeated_until_they_are_seen(home, tmp_path):
    first = home.start()
    first.answers = False
    first.spawn("a:1#1", "sh", "-c", "(exec sh -c 'exit 3' &) ; exec sleep 600")
    stray = first.expect(house.Stray)
    assert stray.status == 3
    first.kill()
    second = home.daemon()
    second.takeover()
    assert second.expect(house.Stray).pid == stray.pid


def test_when_the_keeper_is_killed_the_line_ends(home):
    daemon = home.start()
    home.signal(signal.SIGKILL)
    while daemon.receive() is not None:
        pass
