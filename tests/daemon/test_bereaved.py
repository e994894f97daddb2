"""Stopping what is left of a house, on real processes."""

import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest
from tests.conftest import alive, wait_until

from hotclub.daemon.bereaved import stop_everything

pytestmark = pytest.mark.timeout(30)

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"
PARENT = f"""
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {DEAF!r}], env={{}}, start_new_session=True, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def start():
    made: list[Any] = []

    def begin(code, house="", **more):
        env = {**os.environ, **({"HOTCLUB_HOUSE": house} if house else {})}
        process = subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, text=True, **more)
        assert process.stdout is not None
        made.append(process)
        return process, process.stdout.readline().strip()

    yield begin
    for each in made:
        each.kill()
        each.wait()
        each.stdout.close()


def test_what_carries_the_house_ends(start, tmp_path):
    house = f"test-{os.getpid()}-{time.monotonic_ns()}"
    polite, _ = start("import time; print('on', flush=True); time.sleep(60)", house)
    deaf, _ = start(DEAF, house, start_new_session=True)
    stranger, _ = start("import time; print('on', flush=True); time.sleep(60)", "another")
    begun = time.monotonic()
    assert stop_everything(house, (), 0.3) == []
    assert time.monotonic() - begun < 5
    assert polite.wait(5) == -signal.SIGTERM
    assert deaf.wait(5) == -signal.SIGKILL
    assert stranger.poll() is None


def test_what_hangs_below_it_ends_even_in_another_environment(start):
    house = f"test-{os.getpid()}-{time.monotonic_ns()}"
    parent, grandchild = start(PARENT, house)
    assert stop_everything(house, (), 0.2) == []
    assert parent.wait(5) == -signal.SIGTERM
    wait_until(lambda: not alive(int(grandchild)), 5, "the grandchild is gone")


def test_what_was_known_ends_if_it_is_still_the_same(start):
    house = f"test-{os.getpid()}-{time.monotonic_ns()}"
    known, _ = start("import time; print('on', flush=True); time.sleep(60)")
    born = time.monotonic()
    other, _ = start("import time; print('on', flush=True); time.sleep(60)")
    assert stop_everything(house, [(known.pid, born), (other.pid, born - 100)], 1.0) == []
    assert known.wait(5) == -signal.SIGTERM
    assert other.poll() is None, "this number meant another process then"


def test_a_stopped_one_ends_too(start):
    house = f"test-{os.getpid()}-{time.monotonic_ns()}"
    process, _ = start("import time; print('on', flush=True); time.sleep(60)", house)
    process.send_signal(signal.SIGSTOP)
    stop_everything(house, (), 3.0)
    assert process.wait(5) == -signal.SIGTERM


def test_nothing_is_quick():
    begun = time.monotonic()
    assert stop_everything("nobody", (), 10.0) == []
    assert time.monotonic() - begun < 1
