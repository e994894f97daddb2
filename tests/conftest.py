"""Shared by tests that run the installed command on a real site.

`site({"hotclub.toml": "…"})` writes those files into a folder of its own, with run and log folders beside them,
and gives back a `Site`, through which a test talks to hotclub as a person would. After the test everything is
stopped, and the test fails if any process is left that belongs to the folder. The folder of a failed test is
kept, and its logs' last lines stand in the report.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

T = TypeVar("T")

COMMAND = str(Path(sys.executable).with_name("hotclub"))
_LEAVE_OUT = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "JOURNAL_STREAM", "NO_COLOR", "FORCE_COLOR")
_FAILED = pytest.StashKey[bool]()


def wait_until(predicate: Callable[[], T | None], deadline: float = 10.0, what: str = "") -> T:
    """The first true value of `predicate()`; an assertion fails when none came within `deadline` seconds."""
    end = time.monotonic() + deadline
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            name = what or getattr(predicate, "__name__", repr(predicate))
            raise AssertionError(f"not within {deadline} s: {name}; last value {value!r}")
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether this process runs; a zombie does not."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def base_environment() -> dict[str, str]:
    """The environment of the test run without what would steer hotclub or hide warnings."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HOTCLUB_", "PYTEST_")) and name not in _LEAVE_OUT
    }


def run_hotclub(
    *args: str,
    code: int | None = 0,
    timeout: float = 30.0,
    cwd: str | Path | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """The installed command, run to its end; its exit code must be `code` unless that is None."""
    done = subprocess.run(
        [COMMAND, *args],
        cwd=cwd,
        env=dict(base_environment() if env is None else env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="backslashreplace",
        timeout=timeout,
        check=False,
    )
    if code is not None:
        said = f"--- stdout\n{done.stdout}\n--- stderr\n{done.stderr}"
        assert done.returncode == code, f"hotclub {' '.join(args)}: exit {done.returncode}, not {code}\n{said}"
    return done


@dataclass
class Up:
    """A `hotclub up` in the foreground, its output in a file."""

    process: subprocess.Popen[bytes]
    out: Path

    @property
    def pid(self) -> int:
        """Of the keeper: `up` becomes it by exec."""
        return self.process.pid

    @property
    def output(self) -> str:
        return self.out.read_text(errors="backslashreplace")

    def wait(self, timeout: float = 20.0) -> int:
        """Its exit code (minus the signal's number if killed)."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"hotclub up still runs after {timeout} s\n{self.output}") from None

    def stop(self, signo: int = signal.SIGINT, timeout: float = 20.0) -> int:
        """Signals it as Ctrl-C would, and waits for its end."""
        if self.process.poll() is None:
            self.process.send_signal(signo)
        return self.wait(timeout)


@dataclass
class Site:
    """One configuration in a folder of its own."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    ups: list[Up] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.root.mkdir()
        self.env = {
            **base_environment(),
            "HOTCLUB_RUN_DIR": str(self.run_dir),
            "HOTCLUB_LOG_DIR": str(self.log_dir),
            "PWD": str(self.root),
            **self.env,
        }

    @property
    def root(self) -> Path:
        return self.folder / "site"

    @property
    def run_dir(self) -> Path:
        return self.folder / "run"

    @property
    def log_dir(self) -> Path:
        return self.folder / "log"

    def write(self, name: str, text: str) -> Path:
        """Writes a file of the site; common indentation is taken away, `#!` files become executable."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = textwrap.dedent(text).lstrip("\n")
        path.write_text(text)
        if text.startswith("#!"):
            path.chmod(0o755)
        return path

    def hotclub(
        self, *args: str, code: int | None = 0, timeout: float = 30.0, cwd: str | Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        return run_hotclub(*args, code=code, timeout=timeout, cwd=cwd or self.root, env=self.env)

    def up(self, *args: str, ready: bool = True, deadline: float = 20.0) -> Up:
        """Starts `hotclub up` in the foreground; with `ready` returns when everything wanted is up."""
        out = self.folder / f"up-{len(self.ups) + 1}.out"
        with out.open("wb") as file:
            process = subprocess.Popen(
                [COMMAND, "up", *args],
                cwd=self.root,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        up = Up(process, out)
        self.ups.append(up)
        if ready:
            self.wait_ready(up, deadline)
        return up

    def wait_ready(self, up: Up, deadline: float = 20.0) -> None:
        def ready() -> bool:
            assert up.process.poll() is None, f"hotclub up ended with {up.process.returncode}\n{up.output}"
            return self.hotclub("status", code=None).returncode == 0

        wait_until(ready, deadline, "everything is up")

    def status(self) -> dict[str, Any]:
        """What `status --json` says, whether or not everything is up."""
        done = self.hotclub("status", "--json", code=None)
        assert done.returncode in (0, 4), f"status: exit {done.returncode}\n{done.stdout}{done.stderr}"
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def process(self, name: str) -> dict[str, Any]:
        """One process of the status, by the name that people see or by its id."""
        processes: list[dict[str, Any]] = self.status()["processes"]
        found = [each for each in processes if name in (each["name"], each["id"])]
        assert found, f"no process {name!r} among {[each['name'] for each in processes]}"
        return found[0]

    def pid(self, name: str) -> int:
        pid = self.process(name)["pid"]
        assert isinstance(pid, int), f"{name} has no pid: {self.process(name)}"
        return pid

    def wait_state(self, name: str, state: str, deadline: float = 10.0) -> dict[str, Any]:
        """Waits until a process shows this state; returns its line of the status."""

        def reached() -> dict[str, Any] | None:
            process = self.process(name)
            return process if process["state"] == state else None

        return wait_until(reached, deadline, f"{name} is {state}")

    @property
    def keeper(self) -> int:
        pid: int = self.status()["keeper"]["pid"]
        return pid

    @property
    def daemon(self) -> int:
        pid: int = self.status()["daemon"]["pid"]
        return pid

    def processes(self) -> dict[int, str]:
        """Every living process that has to do with this folder: pid → command line."""
        return {pid: _command_line(pid) for pid in _pids() if alive(pid) and _belongs(pid, str(self.folder))}

    def close(self) -> None:
        """Stops what the test left running, politely."""
        for up in self.ups:
            try:
                up.stop(signal.SIGTERM, timeout=15)
            except AssertionError:
                up.process.kill()
                up.process.wait()
        if (self.run_dir / "api.sock").exists() and self.processes():
            try:
                self.hotclub("down", code=None, timeout=15)
            except subprocess.TimeoutExpired:
                pass  # what is left is found and reported below

    def sweep(self) -> dict[int, str]:
        """Kills what belongs to the folder, and says what it was."""
        left = self.processes()
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for pid in left:
            wait_until(lambda pid=pid: not alive(pid), what=f"process {pid} is gone")  # type: ignore[misc]
        return left

    def tails(self) -> str:
        """The last lines of whatever explains a failure."""
        files = [*(up.out for up in self.ups), self.run_dir / "daemon.err", *sorted(self.log_dir.glob("*"))]
        return "\n".join(f"--- {path}\n{_tail(path)}" for path in files if path.is_file() and path.stat().st_size)


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid())


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _command_line(pid: int) -> str:
    return _read(f"/proc/{pid}/cmdline").replace(b"\0", b" ").decode(errors="backslashreplace").strip()


def _belongs(pid: int, folder: str) -> bool:
    """By environment, command line, current folder or an open file; a title may have overwritten the first two."""
    wanted = folder.encode()
    if wanted in _read(f"/proc/{pid}/environ") or wanted in _read(f"/proc/{pid}/cmdline"):
        return True
    try:
        links = [f"/proc/{pid}/cwd", *(f"/proc/{pid}/fd/{fd}" for fd in os.listdir(f"/proc/{pid}/fd"))]
    except OSError:
        return False
    return any(_target(link).startswith(folder + "/") for link in links)


def _target(link: str) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""


def _tail(path: Path, lines: int = 30) -> str:
    return "\n".join(path.read_text(errors="backslashreplace").splitlines()[-lines:])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        item.stash[_FAILED] = True
    if report.when == "call":
        for made in getattr(item, "funcargs", {}).get("_sites", []):
            if report.failed and (text := made.tails()):
                report.sections.append((f"logs of {made.folder}", text))
    return report


@pytest.fixture
def _sites(request: pytest.FixtureRequest) -> Iterator[list[Site]]:
    made: list[Site] = []
    yield made
    for each in made:
        each.close()
    left = {str(each.folder): each.sweep() for each in made}
    if any(left.values()) or request.node.stash.get(_FAILED, False):
        for each in made:
            print(f"kept: {each.folder}")
    else:
        for each in made:
            shutil.rmtree(each.folder)
    assert not any(left.values()), f"processes were left behind (killed now): {left}"


@pytest.fixture
def site(_sites: list[Site]) -> Callable[..., Site]:
    """The factory: `site({"hotclub.toml": text, …}, env={…})`. Paths stay short: a socket's path has 107 bytes."""

    def make(files: Mapping[str, str] | None = None, *, env: Mapping[str, str] | None = None) -> Site:
        made = Site(Path(tempfile.mkdtemp(prefix="hotclub-", dir="/tmp")), dict(env or {}))
        _sites.append(made)
        for name, text in (files or {}).items():
            made.write(name, text)
        return made

    return make


@pytest.fixture
def hotclub() -> Callable[..., subprocess.CompletedProcess[str]]:
    """The installed command without a site: `hotclub("version")`."""
    return run_hotclub


@pytest.fixture(name="wait_until")
def _wait_until() -> Callable[..., Any]:
    """`wait_until(predicate, deadline)`; as a fixture, so that no test imports this file."""
    return wait_until
