"""How a site ends: on request, on a terminal that goes away, by force; and that nothing is ever left."""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.stories.children import answers, files, program, read, sh

from hotclub.posix import cgroup

COMMAND = str(Path(sys.executable).with_name("hotclub"))


def _is_gone(pid):
    """Of a process that may also have become a zombie of somebody else."""
    state = read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return not state or state[0] in "ZX"


@pytest.mark.parametrize("name", ["INT", "TERM"])
def test_int_and_term_stop_everything_politely(site, wait_until, name):
    made = site(files(program("web", "python3 signals.py"), "signals.py"))
    up = made.up()
    wait_until(lambda: "listening" in read(made.log_dir / "web.log"))
    assert up.stop(getattr(signal, f"SIG{name}")) == 0
    assert "got SIGTERM" in read(made.log_dir / "web.log")
    assert f"SIG{name} received" in read(made.log_dir / "hotclub.log")
    assert made.processes() == {}


def test_a_second_ctrl_c_kills_what_does_not_stop(site, wait_until):
    made = site(files(program("deaf", "sh deaf.sh", stop_timeout=60), "deaf.sh"))
    up = made.up()
    wait_until(lambda: "deaf\n" in read(made.log_dir / "deaf.log"))
    up.process.send_signal(signal.SIGINT)
    wait_until(lambda: "is being stopped" in up.output)
    assert up.process.poll() is None
    assert up.stop(signal.SIGINT, timeout=10) == 0
    assert "KILL" in up.output
    assert made.processes() == {}


def test_a_third_ctrl_c_ends_it_even_without_a_daemon(site, wait_until):
    made = site(files(program("deaf", "sh deaf.sh", stop_timeout=60), "deaf.sh"))
    up = made.up()
    wait_until(lambda: "deaf\n" in read(made.log_dir / "deaf.log"))
    os.kill(made.daemon, signal.SIGSTOP)
    for _ in range(3):
        up.process.send_signal(signal.SIGINT)
        wait_until(lambda: not _pending(up.pid, signal.SIGINT))  # signals of one kind that come together are one
    assert up.wait(10) == 130
    assert made.processes() == {}


def _pending(pid, signum):
    status = read(Path(f"/proc/{pid}/status")).partition("ShdPnd:\t")[2]
    return bool(status) and bool(int(status.split()[0], 16) >> (signum - 1) & 1)


def _on_a_terminal(made):
    """`hotclub up` in the foreground of a terminal of its own; returns its pid and the terminal's other side."""
    pid, master = pty.fork()
    if pid == 0:
        try:
            os.chdir(made.root)
            os.execve(COMMAND, [COMMAND, "up"], made.env)
        finally:
            os._exit(127)
    return pid, master


def _read_all(master):
    said = b""
    try:
        while data := os.read(master, 65536):
            said += data
    except OSError:
        pass  # the other side is closed
    return said.decode(errors="replace")


def test_ctrl_c_on_a_terminal_reaches_hotclub_and_not_the_programs(site, wait_until):
    made = site(files(program("web", "python3 signals.py"), "signals.py"))
    pid, master = _on_a_terminal(made)
    try:
        answers(made)
        wait_until(lambda: "listening" in read(made.log_dir / "web.log"))
        assert made.status()["mode"] == "terminal"
        os.write(master, b"\x03")
        said = _read_all(master)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    finally:
        os.close(master)
    assert "\x1b[" in said  # colours, on a terminal
    assert read(made.log_dir / "web.log").split("\n")[:2] == ["listening", "got SIGTERM"]
    assert made.processes() == {}


def test_a_terminal_that_goes_away_stops_everything(site, wait_until):
    made = site(files(program("web") + program("chatty", "python3 count.py 100000 0.01"), "count.py"))
    pid, master = _on_a_terminal(made)
    answers(made)
    wait_until(lambda: made.hotclub("status", code=None).returncode == 0)
    os.close(master)
    wait_until(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid, 15)
    assert "the terminal went away" in read(made.log_dir / "hotclub.log")
    assert made.processes() == {}


def test_a_stuck_terminal_holds_up_nobody(site, wait_until):
    made = site(files(program("chatty", "python3 count.py 4000"), "count.py"))
    pid, master = _on_a_terminal(made)  # and nobody reads from it
    try:
        answers(made)
        wait_until(lambda: "line 3999" in read(made.log_dir / "chatty.log"), 20)
        assert made.process("chatty")["state"] == "RUNNING"
        made.hotclub("down")
        wait_until(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid, 15)
    finally:
        os.close(master)
    assert made.processes() == {}


LEFTOVERS = {
    "a child in a session of its own": ("sh setsid.sh", "setsid.sh", "setsid.pid"),
    "a double-forked child": ("python3 double.py", "double.py", "stray.pid"),
    "a double-forked child without our marks": ("python3 double.py bare", "double.py", "stray.pid"),
}


def _wait_for_group(made, wait_until):
    if cgroup.place() is None:
        pytest.skip("needs a writable cgroup v2")
    own = Path(f"/proc/{made.pid('web')}/cgroup")
    wait_until(lambda: "/hotclub-" in read(own))
    made.write("go", "")


@pytest.mark.parametrize(("command", "script", "pid_file"), LEFTOVERS.values(), ids=LEFTOVERS)
def test_stop_leaves_nothing_of(site, wait_until, command, script, pid_file):
    made = site(files(program("web", command, stop_timeout=5), script))
    made.hotclub("up", "-d")
    if command.endswith("bare"):  # only its control group tells whose it is, and that is entered after the birth
        _wait_for_group(made, wait_until)
    stray = int(wait_until(lambda: read(made.root / pid_file)))
    wait_until(lambda: "sleep" in read(Path(f"/proc/{stray}/comm")))
    made.hotclub("stop", "web")
    wait_until(lambda: _is_gone(stray), 5)
    assert [line for line in made.processes().values() if "sleep" in line] == []
    assert f"killed: {stray} sleep" in read(made.log_dir / "hotclub.log")


@pytest.mark.parametrize(("command", "script", "pid_file"), LEFTOVERS.values(), ids=LEFTOVERS)
def test_down_leaves_nothing_of(site, wait_until, command, script, pid_file):
    made = site(files(program("web", command, stop_timeout=5), script))
    made.hotclub("up", "-d")
    if command.endswith("bare"):  # only its control group tells whose it is, and that is entered after the birth
        _wait_for_group(made, wait_until)
    stray = int(wait_until(lambda: read(made.root / pid_file)))
    made.hotclub("down")
    wait_until(lambda: _is_gone(stray), 5)


def test_a_crash_leaves_nothing_of_the_process_behind_either(site, wait_until):
    made = site(files(program("web", "python3 double.py", restart="never"), "double.py"))
    made.hotclub("up", "-d")
    stray = int(wait_until(lambda: read(made.root / "stray.pid")))
    os.kill(made.pid("web"), signal.SIGKILL)
    made.wait_state("web", "FATAL")
    wait_until(lambda: _is_gone(stray), 5)


def test_a_killed_keeper_leaves_nothing_within_the_stop_timeout(site, wait_until):
    toml = (
        program("web", stop_timeout=1)
        + program("deaf", "sh deaf.sh", stop_timeout=1)
        + program("odd", "sh setsid.sh", stop_timeout=1)
        + program("double", "python3 double.py", stop_timeout=1)
    )
    made = site(files(toml, "deaf.sh", "setsid.sh", "double.py"))
    made.hotclub("up", "-d")
    strays = [int(wait_until(lambda name=name: read(made.root / name))) for name in ("setsid.pid", "stray.pid")]
    wait_until(lambda: "deaf\n" in read(made.log_dir / "deaf.log"))
    os.kill(made.keeper, signal.SIGKILL)
    wait_until(lambda: not made.processes(), 6)
    wait_until(lambda: all(map(_is_gone, strays)), 2)
    assert "is not running" in made.hotclub("status", code=3).stdout


def test_after_a_killed_keeper_the_site_goes_up_again_at_once(site):
    made = site(files(program("deaf", "sh deaf.sh", stop_timeout=30), "deaf.sh"))
    made.hotclub("up", "-d")
    os.kill(made.keeper, signal.SIGKILL)
    made.hotclub("up", "-d")
    assert len([line for line in made.processes().values() if line == "sh deaf.sh"]) == 1
    made.hotclub("stop", "--kill", "deaf")


def test_a_killed_keeper_and_daemon_leave_strays_that_the_next_up_kills(site, wait_until):
    made = site(files(program("web")))
    made.hotclub("up", "-d")
    stray, daemon, keeper = made.pid("web"), made.daemon, made.keeper
    os.kill(daemon, signal.SIGSTOP)
    os.kill(keeper, signal.SIGKILL)
    wait_until(lambda: _is_gone(keeper))
    os.kill(daemon, signal.SIGKILL)
    done = made.hotclub("up", "-d")
    assert f"({stray}), left over from the last run" in done.stderr
    assert _is_gone(stray)
    assert made.pid("web") != stray


@pytest.mark.skipif(os.getuid() != 0, reason="needs a pid namespace")
def test_hotclub_as_pid_1_reaps_and_leaves_nothing(site, wait_until):
    toml = program("web") + program("orphans", sh("while :; do (sleep 0.02 &) ; sleep 0.05; done"))
    made = site(files(toml))
    out = made.folder / "container.out"
    with out.open("wb") as file:
        container = subprocess.Popen(
            ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", COMMAND, "up"],
            cwd=made.root,
            env=made.env,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        answers(made)
        wait_until(lambda: made.hotclub("status", code=None).returncode == 0)
        status = made.status()
        assert status["keeper"]["pid"] == 1
        (keeper,) = [pid for pid, line in made.processes().items() if line == "hotclub keeper site"]
        wait_until(lambda: "stray process" in read(made.log_dir / "hotclub.log"))
        zombies = [pid for pid in _children(keeper) if _is_gone(pid)]
        wait_until(lambda: all(pid not in _children(keeper) for pid in zombies))
        os.kill(keeper, signal.SIGTERM)
        assert container.wait(15) == 0, read(out)
    finally:
        container.kill()
        container.wait()
    assert made.processes() == {}


def _children(pid):
    return [int(child) for child in read(Path(f"/proc/{pid}/task/{pid}/children")).split()]


def test_hup_to_a_foreground_hotclub_without_a_terminal_applies(site, wait_until):
    made = site(files(program("web")))
    up = made.up()
    pid = made.pid("web")
    made.write("hotclub.toml", program("web") + program("redis"))
    up.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(made.status()["processes"]) == 2)
    assert made.pid("web") == pid


def test_nohup_lets_hotclub_outlive_its_terminal(site, wait_until):
    made = site(files(program("web")))
    pid, master = pty.fork()
    if pid == 0:
        try:
            os.chdir(made.root)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            os.execve(COMMAND, [COMMAND, "up"], made.env)
        finally:
            os._exit(127)
    try:
        wait_until(lambda: made.hotclub("status", code=None).returncode == 0)
        web = made.pid("web")
        os.close(master)
        made.hotclub("restart", "web")
        assert made.pid("web") != web
        made.hotclub("down")
        wait_until(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid, 15)
    finally:
        made.hotclub("down", code=None)
