"""Routes that only look: status, ps, version, config, facts and logs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hotclub import __version__
from hotclub.daemon.bus import to_json
from hotclub.daemon.front import mask
from hotclub.daemon.front.answers import DONE, Followers, bulk, json
from hotclub.daemon.front.ports import House
from hotclub.model.select import display_name
from hotclub.model.spec import Log


class Reading:
    """`status ps version config facts logs`."""

    def __init__(self, house: House, followers: Followers) -> None:
        self._house = house
        self._followers = followers

    def routes(self, prefix: str) -> list[Route]:
        ways = {
            "status": self.status,
            "ps": self.ps,
            "version": self.version,
            "config": self.config,
            "facts": self.facts,
            "logs": self.logs,
        }
        return [Route(f"{prefix}/{name}", way, methods=["GET"]) for name, way in ways.items()]

    async def status(self, request: Request) -> Response:
        """Everything, or only the named processes of it."""
        status: dict[str, Any] = self._house.fleet.status()
        names = request.query_params.getlist("name")
        if names:
            wanted = set(self._house.fleet.select(names))
            status["processes"] = [each for each in status["processes"] if each["id"] in wanted]
        for each in status["processes"]:
            each["command"] = mask.text(each["command"])
        return json(status)

    async def ps(self, _: Request) -> Response:
        """The tree, looked up in a thread: with many processes /proc takes its time, and births must not wait."""
        from hotclub.daemon.front import tree

        return json(await asyncio.to_thread(tree.look, self._house.fleet.status()))

    async def version(self, _: Request) -> Response:
        return json({"version": __version__, "api": 1})

    async def config(self, _: Request) -> Response:
        """What is in force, secrets masked."""
        shown: dict[str, Any] = msgspec.to_builtins(self._house.fleet.site)
        for program in shown["programs"]:
            program["command"] = mask.text(program["command"])
            program["argv"] = [mask.text(word) for word in program["argv"]]
            program["env"] = {name: mask.value(name, value) for name, value in program["env"]}
        if shown["control"] is not None:
            shown["control"]["password"] = mask.MASK
        return json(shown)

    async def facts(self, request: Request) -> Response:
        """What happened after a number. One that is ahead of us comes from another house: then all is told."""
        bus = self._house.bus
        after = _whole(request, "after") or 0
        seen = after if after <= bus.last else 0
        if _flag(request, "follow"):
            return self._followers.stream(self._follow_facts(seen))
        return bulk(self._facts(seen))

    async def _facts(self, seen: int) -> AsyncIterator[object]:
        for told in self._house.bus.after(seen):
            yield to_json(told)

    async def _follow_facts(self, seen: int) -> AsyncIterator[object]:
        """The bus keeps what we have not told yet, so a slow client costs no memory here."""
        news = asyncio.Event()
        leave = self._house.bus.subscribe(lambda _: news.set())
        try:
            while True:
                news.clear()
                for told in self._house.bus.after(seen):
                    seen = told.seq
                    yield to_json(told)
                await news.wait()
        finally:
            leave()

    async def logs(self, request: Request) -> Response:
        """Lines of the named processes (all of them when none is named)."""
        follow = _flag(request, "follow")
        grep = request.query_params.get("grep")
        if grep is not None:
            _verify_pattern(grep)
        lines = self._house.logs.read(
            self._wanted(request.query_params.getlist("name") or ["*"]),
            tail=_whole(request, "tail"),
            since=_real(request, "since"),
            grep=grep,
            cursor=request.query_params.get("cursor"),
            follow=follow,
        )
        return self._followers.stream(_sound(lines)) if follow else bulk(_sound(lines))

    def _wanted(self, names: list[str]) -> list[tuple[str, Log, str]]:
        fleet = self._house.fleet
        found = []
        for process in fleet.select(names):
            program = fleet.site.program(process.rpartition(":")[0])
            if program is not None:
                found.append((process, program.log, display_name(fleet.site, process)))
        return found


async def _sound(lines: AsyncIterator[dict[str, object]]) -> AsyncIterator[object]:
    """A cursor that makes no sense is found out only while reading, when the answer has begun."""
    try:
        async for line in lines:
            yield line
    except ValueError as wrong:
        yield {**DONE, "ok": False, "error": str(wrong)}


def _verify_pattern(pattern: str) -> None:
    try:
        re.compile(pattern.encode())
    except re.error as wrong:
        raise ValueError(f"{pattern!r} is not a regular expression: {wrong}") from wrong


def _flag(request: Request, name: str) -> bool:
    return request.query_params.get(name, "") not in ("", "0", "false")


def _whole(request: Request, name: str) -> int | None:
    text = request.query_params.get(name)
    if text is not None and not (text.isascii() and text.isdigit()):
        raise ValueError(f"{name}={text} is not a number")
    return None if text is None else int(text)


def _real(request: Request, name: str) -> float | None:
    text = request.query_params.get(name)
    try:
        return None if text is None else float(text)
    except ValueError:
        raise ValueError(f"{name}={text} is not a number of seconds") from None
