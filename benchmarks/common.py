"""What every benchmark needs: the reports of the supervised program, measures of a process, statistics, results.

The clock is CLOCK_MONOTONIC everywhere: the supervised program reads it as its first act and reports it, so what is
measured is "exec'ed and in main()", whoever supervises. CPU time is the scheduler's own count in nanoseconds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import select
import socket
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("HOTCLUB_BENCH_CACHE") or Path.home() / ".cache/hotclub-benchmarks")


@dataclass(frozen=True, slots=True)
class Report:
    name: str
    pid: int
    at: float  # CLOCK_MONOTONIC, seconds


class Reports:
    """The socket that the supervised programs report to."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "reports.sock"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self._socket.bind(str(self.path))
        self.path.chmod(0o777)  # programs of other users report too
        self.last: dict[str, Report] = {}

    def next(self, deadline: float) -> Report:
        """The next report; TimeoutError after `deadline` (a moment of the monotonic clock)."""
        self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
        name, pid, at = self._socket.recv(512).decode().split()
        report = Report(name, int(pid), int(at) / 1e9)
        self.last[name] = report
        return report

    def of(self, names: Iterable[str], patience: float = 120.0, after: float = 0.0) -> dict[str, Report]:
        """The first report of each name not older than `after`; returns when all have come."""
        deadline = time.monotonic() + patience
        missing, found = set(names), {}
        while missing:
            report = self.next(deadline)
            if report.name in missing and report.at >= after:
                missing.discard(report.name)
                found[report.name] = report
        return found

    def close(self) -> None:
        self._socket.close()


# --- processes --------------------------------------------------------------------------------------------------


def _text(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def children(pid: int) -> list[int]:
    return [int(word) for task in _tasks(pid) for word in _text(f"/proc/{pid}/task/{task}/children").split()]


def descendants(pid: int) -> list[int]:
    found = children(pid)
    for each in found:  # grows while it is walked
        found.extend(children(each))
    return found


def executable(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


def _tasks(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []


def cpu(pids: Iterable[int]) -> float:
    """Seconds on a CPU so far, of all threads that live."""
    total = 0
    for pid in pids:
        for task in _tasks(pid):
            total += int((_text(f"/proc/{pid}/task/{task}/schedstat").split() or ["0"])[0])
    return total / 1e9


def wakeups(pids: Iterable[int]) -> int:
    """Times a thread went to sleep by itself: each means that it was awake."""
    total = 0
    for pid in pids:
        for task in _tasks(pid):
            for line in _text(f"/proc/{pid}/task/{task}/status").splitlines():
                if line.startswith("voluntary_ctxt_switches:"):
                    total += int(line.split()[1])
    return total


def pss(pids: Iterable[int]) -> float:
    """Proportional memory in MiB."""
    total = 0
    for pid in pids:
        for line in _text(f"/proc/{pid}/smaps_rollup").splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def wait_gone(pids: Iterable[int], patience: float = 60.0) -> float:
    """Waits until all have ended; returns the moment the last one had."""
    poll = select.poll()
    fds = set()
    for pid in pids:
        try:
            fds.add(os.pidfd_open(pid))
        except ProcessLookupError:
            continue
    for fd in fds:
        poll.register(fd, select.POLLIN)
    deadline = time.monotonic() + patience
    last = time.monotonic()
    try:
        while fds:
            ready = poll.poll(max(deadline - time.monotonic(), 0) * 1000)
            if not ready:
                raise TimeoutError(f"{len(fds)} processes are still there after {patience} s")
            last = time.monotonic()
            for fd, _ in ready:
                poll.unregister(fd)
                os.close(fd)
                fds.discard(fd)
    finally:
        for fd in fds:
            os.close(fd)
    return last


def run(argv: Sequence[str], env: dict[str, str] | None = None, timeout: float = 120.0) -> float:
    """Seconds that a command takes, its output thrown away.

    A wait with a timeout would poll with growing pauses and measure those; so the end is waited for by a pidfd.
    """
    null = subprocess.DEVNULL
    begun = time.monotonic()
    with subprocess.Popen(argv, env=env, stdin=null, stdout=null, stderr=null) as process:
        ended = wait_gone([process.pid], timeout)
    return ended - begun


# --- results ----------------------------------------------------------------------------------------------------


def child() -> Path:
    """The supervised program, compiled when its source is newer."""
    binary = CACHE / "child"
    source = HERE / "child.c"
    if not binary.exists() or binary.stat().st_mtime < source.stat().st_mtime:
        CACHE.mkdir(parents=True, exist_ok=True)
        subprocess.run(["gcc", "-O2", "-static", "-o", str(binary), str(source)], check=True)
    return binary


def machine() -> dict[str, Any]:
    model = next(
        (line.split(":")[1].strip() for line in _text("/proc/cpuinfo").splitlines() if "model name" in line), ""
    )
    memory = next((int(line.split()[1]) for line in _text("/proc/meminfo").splitlines() if "MemTotal" in line), 0)
    release = dict(line.split("=", 1) for line in _text("/etc/os-release").splitlines() if "=" in line)
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**20, 1),
        "kernel": platform.release(),
        "system": release.get("PRETTY_NAME", "").strip('"'),
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
    }


def summary(values: Sequence[float]) -> dict[str, Any]:
    """Median and spread; a spread of two or fewer values is their range."""
    ordered = sorted(values)

    def at(share: float) -> float:
        place = share * (len(ordered) - 1)
        low = int(place)
        high = min(low + 1, len(ordered) - 1)
        return ordered[low] + (ordered[high] - ordered[low]) * (place - low)

    return {
        "median": statistics.median(ordered),
        "p10": at(0.1),
        "p90": at(0.9),
        "n": len(ordered),
        "values": [round(value, 6) for value in values],
    }


class Results:
    """Values by row and peer, written as JSON."""

    def __init__(self, name: str, title: str, repeats: int) -> None:
        self.name, self.title, self.repeats = name, title, repeats
        self._rows: dict[str, dict[str, Any]] = {}

    def row(self, label: str, unit: str, target: str = "") -> None:
        """Declares a row: what it measures, in what, and what is aimed at."""
        self._rows[label] = {"unit": unit, "target": target, "peers": {}}

    def add(self, label: str, peer: str, value: float) -> None:
        self._rows[label]["peers"].setdefault(peer, []).append(value)
        print(f"  {peer:12} {label}: {value:.4g} {self._rows[label]['unit']}", flush=True)

    def write(self, versions: dict[str, str]) -> Path:
        rows = {
            label: {**row, "peers": {peer: summary(values) for peer, values in row["peers"].items()}}
            for label, row in self._rows.items()
        }
        document = {
            "name": self.name,
            "title": self.title,
            "when": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
            "repeats": self.repeats,
            "machine": machine(),
            "versions": versions,
            "rows": rows,
        }
        path = HERE / "results" / f"{self.name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(document, indent=1) + "\n")
        return path


def main(
    name: str,
    title: str,
    measure: Callable[[Results, list[Any], argparse.Namespace], None],
    repeats: int,
    extra: Callable[[argparse.ArgumentParser], None] | None = None,
    count: int = 100,
) -> None:
    """The command line that all benchmarks share; `count` is the usual number of programs."""
    from peers import PEERS

    parser = argparse.ArgumentParser(prog=f"benchmarks/{name}.py", description=title)
    parser.add_argument("--peers", default=",".join(PEERS), help="comma-separated (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=repeats, help="(default: %(default)s)")
    parser.add_argument("--count", type=int, default=count, help="programs of each peer (default: %(default)s)")
    parser.add_argument("--dry", action="store_true", help="print only, write no results")
    if extra:
        extra(parser)
    options = parser.parse_args()
    # A thousand programs need some thousand descriptors, and not every peer raises its own limit.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    chosen, versions = [], {}
    for each in options.peers.split(","):
        version = PEERS[each].version()
        if version:
            chosen.append(PEERS[each])
            versions[each] = version
        else:
            print(f"{each}: not available here, left out")
    print(f"{title}: {', '.join(f'{peer} {version}' for peer, version in versions.items())}")
    results = Results(name, title, options.repeats)
    measure(results, chosen, options)
    if not options.dry:
        print(f"written: {results.write(versions)}")
