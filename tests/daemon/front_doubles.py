"""A fleet, a bus and logs that remember what was asked, behind the real front on a real socket."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from hotclub.client.resume import Daemon
from hotclub.config.errors import refuse
from hotclub.daemon.bus import Told
from hotclub.daemon.fleet import Busy
from hotclub.daemon.front.server import Front
from hotclub.daemon.outcomes import Outcome
from hotclub.model.facts import ProcessReady
from hotclub.model.plan import Action, Change, Plan
from hotclub.model.select import select
from hotclub.model.spec import Control, Group, Log, Program, Site, Where

T = TypeVar("T")

FILE = "/srv/shop/hotclub.toml"


def program(name: str, line: int, **given: Any) -> Program:
    defaults: dict[str, Any] = {"argv": (name,), "command": name, "cwd": "/srv/shop", "log": Log(f"/log/{name}.log")}
    return Program(name=name, where=Where(FILE, line), **{**defaults, **given})


def shop(**given: Any) -> Site:
    programs = (
        program("redis", 3, command="redis-cli -u redis://me:hush@cache"),
        program("web", 7, copies=2, env=(("DATABASE_URL", "postgres://me:hush@db/x"), ("SECRET_KEY", "s"), ("A", "b"))),
    )
    groups = (Group("back", ("redis",), Where(FILE, 12)),)
    return Site(name="shop", root="/srv/shop", file=FILE, files=(FILE,), programs=programs, groups=groups, **given)


class Fleet:
    """Obeys at once; `undecided` processes have no outcome until `decide` is called."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.calls: list[tuple[Any, ...]] = []
        self.undecided: set[str] = set()
        self.failing: dict[str, str] = {}
        self.busy = False
        self.next_site: Site | None = None
        self.pids: dict[str, int] = {}
        self.keeper = self.daemon = 1
        self.changed = asyncio.Event()

    def status(self) -> dict[str, Any]:
        processes = [self._process(each, n) for each in self.site.programs for n in range(1, each.copies + 1)]
        return {
            "site": {"name": self.site.name, "root": self.site.root, "file": self.site.file},
            "keeper": {"pid": self.keeper},
            "daemon": {"pid": self.daemon},
            "warnings": [],
            "processes": processes,
        }

    def _process(self, program: Program, copy: int) -> dict[str, Any]:
        id_ = f"{program.name}:{copy}"
        return {
            "id": id_,
            "name": program.name if program.copies == 1 else id_,
            "program": program.name,
            "copy": copy,
            "kind": program.kind,
            "command": program.command,
            "state": "STARTING" if id_ in self.undecided else "RUNNING",
            "wanted": True,
            "pid": self.pids.get(id_),
            "schedule": program.schedule,
            "where": str(program.where),
        }

    def select(self, patterns: Sequence[str]) -> list[str]:
        return select(self.site, patterns)

    def command(self, verb: str, ids: Sequence[str], op: str) -> None:
        if self.busy:
            raise Busy("hotclub is stopping")
        self.calls.append((verb, list(ids), op))

    async def outcomes(self, verb: str, ids: Sequence[str]) -> AsyncIterator[Outcome]:
        for id_ in ids:
            while id_ in self.undecided:
                self.changed.clear()
                await self.changed.wait()
            reason = self.failing.get(id_, "")
            yield Outcome(id_, not reason, "FATAL" if reason else "STOPPED" if verb == "stop" else "RUNNING", reason)

    def decide(self, id_: str) -> None:
        self.undecided.discard(id_)
        self.changed.set()

    def signal(self, ids: Sequence[str], signo: int, op: str) -> list[Outcome]:
        self.calls.append(("signal", list(ids), signo, op))
        return [Outcome(id_, id_ != "redis:1", "RUNNING", "not running" if id_ == "redis:1" else "") for id_ in ids]

    def plan(self) -> Plan:
        if self.next_site is None:
            raise refuse(FILE, "programs.web", "unknown key 'comand'", "write 'command'", line=8)
        changes = (Change("redis", Action.REMOVED), Change("web", Action.LIVE, ("copies",)))
        return Plan(changes, leaving=("redis:1",))

    def apply(self, op: str) -> Plan:
        plan = self.plan()
        assert self.next_site is not None
        self.calls.append(("apply", op))
        self.site = self.next_site
        return plan

    def down(self, cause: str, op: str) -> None:
        self.calls.append(("down", cause, op))

    def crash(self) -> None:
        raise RuntimeError("a defect")


class Bus:
    def __init__(self) -> None:
        self.told: list[Told] = []
        self.listeners: list[Callable[[Told], None]] = []

    @property
    def last(self) -> int:
        return len(self.told)

    def tell(self, process: str) -> None:
        self.told.append(Told(self.last + 1, 1000.0 + self.last, ProcessReady(process, 7)))
        for listener in self.listeners:
            listener(self.told[-1])

    def after(self, seq: int) -> list[Told]:
        return self.told[seq:]

    def subscribe(self, listener: Callable[[Told], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)


class Logs:
    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.count = 3

    async def read(
        self, wanted: Any, *, follow: bool, cursor: str | None, **rest: Any
    ) -> AsyncIterator[dict[str, Any]]:
        self.asked.append({"wanted": wanted, "follow": follow, "cursor": cursor, **rest})
        if cursor is not None and not cursor.isdigit():
            raise ValueError(f"{cursor!r} is no cursor")
        first = int(cursor or 0)
        for n in range(first, self.count):
            yield {"process": wanted[0][0], "name": wanted[0][2], "line": f"line {n}", "cursor": str(n + 1)}
        if follow:
            await asyncio.Event().wait()


class House:
    """The front over these doubles, in a loop of its own thread; the test is the client."""

    def __init__(self, folder: Path, control: Control | None = None) -> None:
        self.path = str(folder / "api.sock")
        self.fleet, self.bus, self.logs = Fleet(shop(control=control)), Bus(), Logs()
        self.client = Daemon(self.path, str(folder / "lock"), patience=5.0)
        self.tcp = ("", 0)
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()
        self.front = Front(self.fleet, self.bus, self.logs)
        unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        unix.bind(self.path)
        self._open = [unix]
        self.run(self.front.start(unix))
        if control is not None:
            self.listen(control)

    def listen(self, control: Control) -> None:
        """Serve on some port of TCP, too."""
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        tcp.bind(("127.0.0.1", 0))
        self.tcp = tcp.getsockname()
        self._open.append(tcp)
        self.run(self.front.open_up(tcp, control))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    def do(self, function: Callable[..., object], *args: object) -> None:
        """Call something where the daemon would: in its loop."""
        self.loop.call_soon_threadsafe(function, *args)

    def timers(self) -> int:
        """How many timers the loop has, this call's own excluded."""

        async def count() -> int:
            return len([each for each in self.loop._scheduled if not each.cancelled()])  # type: ignore[attr-defined]

        return self.run(count())

    def tasks(self) -> int:
        async def count() -> int:
            return len(asyncio.all_tasks()) - 1

        return self.run(count())

    def wait_for(self, predicate: Callable[[], object], deadline: float = 5.0) -> None:
        end = time.monotonic() + deadline
        while not predicate():
            assert time.monotonic() < end, "not within the deadline"
            time.sleep(0.005)

    def close(self) -> None:
        self.run(self.front.stop())
        self.run(self.loop.shutdown_default_executor())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        self.loop.close()
        for each in self._open:
            each.close()
