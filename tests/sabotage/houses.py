"""What the tests of this folder share: who is who in a house, and what its facts must add up to."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter, defaultdict
from typing import Any

from hotclub.client import lock
from hotclub.posix import tree


def command_line(pid: int) -> str:
    """With spaces between words; empty when there is no such process."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def keeper_of(site) -> int:
    """The pid in the lock, which is there before any daemon answers; 0 when there is none."""
    pid = lock.read(str(site.run_dir / "lock")).get("keeper")
    return pid if isinstance(pid, int) else 0


def daemon_of(site) -> int:
    """The daemon as the kernel shows it: it need not answer, nor have its title yet. 0 when there is none."""
    keeper = keeper_of(site)
    children = [(pid, command_line(pid)) for pid in tree.children(keeper)] if keeper else []
    found = [pid for pid, line in children if "hotclub.daemon" in line or line.startswith("hotclub daemon")]
    return next((pid for pid in found if (seen := tree.stat(pid)) is not None and seen.state not in "ZX"), 0)


def kill_daemon(site, deadline: float = 10.0) -> int:
    """`kill -9` of the daemon, as soon as there is one; returns its pid."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        pid = daemon_of(site)
        if pid:
            os.kill(pid, signal.SIGKILL)
            return pid
        time.sleep(0.002)
    raise AssertionError("there is no daemon to kill")


def facts_of(site) -> list[dict[str, Any]]:
    """All facts of the house so far."""
    return [json.loads(line) for line in site.hotclub("facts", "--json").stdout.splitlines()]


def check_facts(facts: list[dict[str, Any]], alive: dict[str, int]) -> None:
    """Numbers have no gap; each birth and each exit was told once; `alive` (id → pid) are those without an exit."""
    assert [fact["seq"] for fact in facts] == list(range(1, len(facts) + 1))
    births = Counter((f["process"], f["pid"]) for f in facts if f["fact"] == "ProcessStarted")
    exits = Counter((f["process"], f["pid"]) for f in facts if f["fact"] == "ProcessExited")
    assert [key for key, count in (births + exits).items() if count > 2 or births[key] > 1 or exits[key] > 1] == []
    assert set(exits) <= set(births)
    assert set(births) - set(exits) == set(alive.items())
    boots = [fact["boot"] for fact in facts if fact["fact"] == "DaemonStarted"]
    assert boots == sorted(set(boots))  # one that dies young may not have told


def lives(facts: list[dict[str, Any]]) -> dict[str, list[str]]:
    """What was told of each process, in order, without what differs from run to run."""
    told: dict[str, list[str]] = defaultdict(list)
    for fact in facts:
        if "process" in fact:
            more = [f"{fact[key]}" for key in ("status", "signal", "expected", "stage") if key in fact]
            told[fact["process"]].append(" ".join([fact["fact"], *more]))
    return dict(told)


def context_switches(pid: int) -> int:
    """Voluntary ones: how often it has woken up and gone back to sleep."""
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt_switches"))


def cpu_ticks(pid: int) -> int:
    """User and system time, in clock ticks."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def resident(pid: int) -> int:
    """Bytes of memory in use."""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
