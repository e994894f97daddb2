"""Ctrl-C once, twice, three times; being pid 1; bad arguments."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.keeper.houses import gone, until

from hotclub.posix import tree
from hotclub.wire import house

pytestmark = pytest.mark.timeout(30)


def test_signals_become_frames(home):
    daemon = home.start()
    for signum, count in (
        (signal.SIGHUP, 0),
        (signal.SIGUSR2, 0),
        (signal.SIGQUIT, 0),
        (signal.SIGINT, 1),
        (signal.SIGTERM, 2),
    ):
        home.signal(signum)
        told = daemon.expect(house.Signalled, signal=signum)
        assert told.count == count
    home.signal(signal.SIGUSR1)
    daemon.expect(house.Ping)


def test_the_third_interrupt_kills_everything_at_once(home):
    daemon = home.start()
    born = daemon.spawn("a:1#1", "sh", "-c", 'trap "" TERM INT; setsid sleep 600 & wait')
    for _ in range(3):
        home.signal(signal.SIGINT)
        if _ < 2:
            daemon.expect(house.Signalled)
    assert home.wait() == 130
    assert gone(born.pid)
    assert gone(daemon.pid)
    assert tree.marked("HOTCLUB_HOUSE", home.id) == []


def may_unshare():
    return (
        shutil.which("unshare")
        and subprocess.run(["unshare", "-pf", "--mount-proc", "true"], capture_output=True, check=False).returncode == 0
    )


@pytest.mark.skipif(not may_unshare(), reason="no pid namespaces here")
def test_as_pid_one_it_reaps_strangers_and_hears_signals(make_house):
    home = make_house(prefix=["unshare", "-pf", "--mount-proc", "--kill-child"])
    daemon = home.daemon()
    messages = daemon.takeover()
    assert messages[0].keeper == 1
    daemon.spawn("a:1#1", "sh", "-c", "(exec sh -c 'exit 3' &) ; exec sleep 600")
    assert daemon.expect(house.Stray).status == 3
    keeper = tree.children(home.pid)[0]
    os.kill(keeper, signal.SIGTERM)
    assert daemon.expect(house.Signalled).count == 1
    daemon.send(house.End(code=4))
    daemon.exit(0)
    assert home.wait() == 4


def test_a_house_that_does_nothing_does_nothing(home):
    """No wake-ups, no CPU time, while children and a daemon run."""
    daemon = home.start()
    daemon.spawn("a:1#1", "sleep", "600")
    assert daemon.silent()

    def switches():
        with open(f"/proc/{home.pid}/status") as file:
            return [line for line in file if "ctxt_switches" in line]

    until(lambda: " S " in Path(f"/proc/{home.pid}/stat").read_text())
    before = switches()
    assert daemon.silent(1.0)
    assert switches() == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "a daemon's command are needed"),
        (["--nonsense"], "--nonsense is not known"),
        (["--lock-fd", "x"], "invalid literal"),
    ],
)
def test_bad_arguments_are_refused_in_a_few_words(words, says):
    done = subprocess.run(
        [sys.executable, "-m", "hotclub.keeper", *words],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "HOTCLUB_HOUSE": "x"},
    )
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
