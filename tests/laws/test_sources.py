"""House laws that can be read off the source: who may signal, fork, wait, and how a file is built."""

import ast

import pytest
from tests.laws import sources

SIGNALS = frozenset({"os.kill", "os.killpg", "signal.pidfd_send_signal", "signal.raise_signal"})
BIRTHS = frozenset(
    {
        *("os.fork", "os.forkpty", "os.posix_spawn", "os.posix_spawnp", "os.system", "os.popen", "pty.fork"),
        *("subprocess", "multiprocessing", "concurrent.futures.ProcessPoolExecutor"),
    }
)
WAITS = frozenset({"os.wait", "os.wait3", "os.wait4", "os.waitid", "os.waitpid"})
ASYNCIO_CHILDREN = frozenset(
    {"asyncio.subprocess", "asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell"}
)


def test_the_daemon_never_signals_forks_or_waits():
    assert sources.offences(SIGNALS | BIRTHS | WAITS, "daemon") == []


def test_nobody_uses_asyncio_subprocesses():
    assert sources.offences(ASYNCIO_CHILDREN) == []


def test_births_and_waits_live_in_posix():
    """`cli` starts the keeper and waits for it; that is its whole work with children."""
    elsewhere = ("model", "config", "wire", "keeper", "daemon", "client")
    assert sources.offences(BIRTHS | WAITS, *elsewhere) == []


def test_the_keeper_has_one_thread():
    assert (
        sources.offences(frozenset({"threading", "_thread", "concurrent.futures", "asyncio"}), "keeper", "posix") == []
    )


def test_nothing_ticks():
    """Waits are on events and deadlines: neither the keeper nor the daemon sleeps.

    The keeper may while it removes its cgroups, when everything has ended and the kernel is the last to notice.
    """
    assert (
        sources.offences(frozenset({"time.sleep"}), "keeper", "daemon", allowed={"time.sleep": "keeper/groups.py"})
        == []
    )


def test_nobody_imports_the_site():
    assert sources.offences(frozenset({"django"})) == []


@pytest.mark.parametrize("path", sources.files(), ids=sources.name)
def test_a_file_opens_with_what_it_is(path):
    assert ast.get_docstring(sources.tree(path)), f"{sources.name(path)} has no docstring at its top"


@pytest.mark.parametrize("path", sources.files(), ids=sources.name)
def test_a_file_is_read_in_one_sitting(path):
    assert len(path.read_text().splitlines()) <= 400
