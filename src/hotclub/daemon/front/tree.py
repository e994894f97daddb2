"""`ps`: every process of the house, and why each exists.

The tree is the kernel's own, from the keeper downwards; what is known about it comes from the fleet's status. So
nothing can be missing: a process that no configuration asked for still stands below the one that started it.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections import Counter
from typing import Any

from hotclub.daemon.front import mask

if sys.platform == "linux":  # a dependency there only
    import psutil

Line = dict[str, Any]


def look(status: dict[str, Any]) -> Line:
    """All processes, parents before their children, and what they take together."""
    keeper = status["keeper"]["pid"]
    found: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(keeper)
        found = [root, *root.children(recursive=True)]
    lines = {process.pid: line for process in found if (line := _line(process))}
    reasons = _Reasons(status, lines)
    for line in lines.values():
        line["role"], line["name"], line["why"] = reasons.of(line)
    for line in lines.values():
        line["command"] = mask.text(line["command"])
    ranks = {each["pid"]: rank for rank, each in enumerate(status["processes"])} | {status["daemon"]["pid"]: -1}
    return {"processes": _ordered(keeper, lines, ranks), "total": _total(lines)}


def _line(process: psutil.Process) -> Line:
    """What the kernel says; empty when it ended meanwhile."""
    with contextlib.suppress(psutil.NoSuchProcess), process.oneshot():
        words = [] if process.status() == psutil.STATUS_ZOMBIE else process.cmdline()
        return {
            "pid": process.pid,
            "ppid": process.ppid(),
            "user": process.username(),
            "command": " ".join(words).strip() or f"[{process.name()}]",
            "since": process.create_time(),
            "memory": _memory(process),
        }
    return {}


def _memory(process: psutil.Process) -> dict[str, int] | None:
    """Own pages, pages shared with others, and its fair share of all (PSS), in bytes; None where we may not look."""
    try:
        full = process.memory_full_info()
    except (psutil.Error, OSError):
        return None
    return {"own": full.uss, "shared": max(full.rss - full.uss, 0), "pss": full.pss}


class _Reasons:
    """Why each process of the tree exists."""

    def __init__(self, status: Line, lines: dict[int, Line]) -> None:
        self._lines = lines
        self._site = status["site"]
        self._keeper, self._daemon = status["keeper"]["pid"], status["daemon"]["pid"]
        self._by_pid = {each["pid"]: each for each in status["processes"] if each["pid"]}
        self._names = {each["id"]: each["name"] for each in status["processes"]}
        self._copies = Counter(each["program"] for each in status["processes"])

    def of(self, line: Line) -> tuple[str, str, str]:
        """(role, name, why)."""
        pid, parent = line["pid"], self._lines.get(line["ppid"])
        if pid == self._keeper:
            return "keeper", "keeper", f"parent of all of {self._site['name']}: spawns, signals and reaps"
        if pid == self._daemon:
            return "daemon", "daemon", "supervises everything: decides, keeps logs, answers commands"
        if pid in self._by_pid:
            process = self._by_pid[pid]
            return "program", process["name"], self._of_program(process)
        if parent is None or parent["pid"] == self._keeper:
            return self._of_orphan(pid)
        return "child", "", f'started by "{_short(parent["command"])}" (pid {parent["pid"]})'

    def _of_program(self, process: Line) -> str:
        program, copies = process["program"], self._copies[process["program"]]
        words = [f"programs.{program} in {process['where'].removeprefix(self._site['root'] + '/')}"]
        if copies > 1:
            words.append(f"copy {process['copy']} of {copies}")
        if process["schedule"]:
            words.append(f"scheduled at {process['schedule']}")
        elif process["kind"] == "task":
            words.append("a task")
        return ", ".join(words)

    def _of_orphan(self, pid: int) -> tuple[str, str, str]:
        """A child of the keeper that is no program's process: a probe, or one whose parent has ended."""
        token = _token(pid)
        process = token.removeprefix("probe:").partition("#")[0]
        name = self._names.get(process, process)
        if token.startswith("probe:"):
            return "probe", name, f"asks whether {name} is ready"
        return "stray", name, f"left behind by {name or 'a process'}: its parent has ended"


def _token(pid: int) -> str:
    """The name of the birth that it descends from, as it stands in its environment."""
    try:
        token = psutil.Process(pid).environ().get("HOTCLUB_TOKEN", "")
    except (psutil.Error, OSError):
        return ""
    return token


def _ordered(root: int, lines: dict[int, Line], ranks: dict[int, int]) -> list[Line]:
    """Parents before their children; below the keeper its daemon and then the order of the configuration."""
    below: dict[int, list[int]] = {}
    for pid, line in lines.items():
        below.setdefault(line["ppid"], []).append(pid)

    def rank(pid: int) -> tuple[float, float, int]:
        return ranks.get(pid, len(ranks)), lines[pid]["since"], pid

    found, waiting = [], [root] if root in lines else []
    while waiting:
        pid = waiting.pop()
        found.append(lines[pid])
        waiting += sorted(below.get(pid, ()), key=rank, reverse=True)
    return found


def _total(lines: dict[int, Line]) -> Line:
    measured = [line["memory"] for line in lines.values() if line["memory"]]
    return {"count": len(lines), "pss": sum(each["pss"] for each in measured)}


def _short(command: str) -> str:
    """The name of a program as people know it: no folders, no long tails."""
    first, _, rest = command.partition(" ")
    text = f"{os.path.basename(first) or first} {rest}".strip()
    return text if len(text) <= 40 else f"{text[:39]}…"
