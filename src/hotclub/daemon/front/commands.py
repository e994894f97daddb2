"""Routes that change something. Each carries an `op`: asked twice under it, the command is obeyed once."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hotclub.daemon.front.answers import body, json, stream
from hotclub.daemon.front.ports import House
from hotclub.daemon.outcomes import Outcome
from hotclub.model.plan import Action, Plan
from hotclub.model.select import display_name

Line = dict[str, object]

AT_REST = frozenset({"STOPPED", "EXITED", "FATAL"})
TOUCHING = frozenset({Action.LIVE, Action.RESTART, Action.ADDED})


class Commands:
    """`start stop restart kill signal apply down up`."""

    def __init__(self, house: House) -> None:
        self._fleet = house.fleet

    def routes(self, prefix: str) -> list[Route]:
        verbs = [
            Route(f"{prefix}/{verb}", self.named, methods=["POST"]) for verb in ("start", "stop", "restart", "kill")
        ]
        return [
            *verbs,
            Route(f"{prefix}/signal", self.signal, methods=["POST"]),
            Route(f"{prefix}/apply", self.apply, methods=["POST"]),
            Route(f"{prefix}/down", self.down, methods=["POST"]),
            Route(f"{prefix}/up", self.up, methods=["GET"]),
        ]

    async def named(self, request: Request) -> Response:
        """Start, stop, restart or kill what is named; the verb is the last part of the path."""
        verb = request.url.path.rpartition("/")[2]
        sent = await body(request)
        ids = self._fleet.select(_names(sent))
        self._fleet.command(verb, ids, _text(sent, "op"))
        return stream(self._outcomes(verb, ids))

    async def signal(self, request: Request) -> Response:
        sent = await body(request)
        ids = self._fleet.select(_names(sent))
        outcomes = self._fleet.signal(ids, _signo(sent.get("signal")), _text(sent, "op"))
        lines = [self._line(outcome) for outcome in outcomes]
        return json({"outcomes": lines, "ok": all(outcome.ok for outcome in outcomes)})

    async def down(self, request: Request) -> Response:
        sent = await body(request)
        ids = _ids(self._fleet.status(), running=True)
        self._fleet.down(str(sent.get("cause") or "asked through the API"), _text(sent, "op"))
        return stream(self._outcomes("stop", ids))

    async def up(self, _: Request) -> Response:
        """Wait until everything wanted is ready or has failed."""
        return stream(self._outcomes("start", _ids(self._fleet.status(), wanted=True)))

    async def apply(self, request: Request) -> Response:
        sent = await body(request)
        if sent.get("plan"):
            return stream(self._planned(self._fleet.plan()))
        plan = self._fleet.apply(_text(sent, "op"))  # asked again under its op, it has the plan of the first time
        names = [change.program for change in plan.changes if change.action in TOUCHING]
        touched = self._fleet.select(names) if names else []
        return stream(self._applied(plan, touched, plan.leaving))

    async def _planned(self, plan: Plan) -> AsyncIterator[object]:
        yield {"plan": msgspec.to_builtins(plan)}
        yield {"done": True, "ok": True}

    async def _applied(self, plan: Plan, touched: Sequence[str], leaving: Sequence[str]) -> AsyncIterator[object]:
        yield {"plan": msgspec.to_builtins(plan)}
        wanted = _ids(self._fleet.status(), wanted=True)
        starting = [id_ for id_ in touched if id_ in wanted]
        left = {id_: _former_name(id_, leaving) for id_ in leaving}
        yield {"names": [*left.values(), *self._names(starting)]}
        ok = True
        for verb, ids in (("stop", leaving), ("start", starting)):
            async for outcome in self._fleet.outcomes(verb, ids):
                ok = ok and outcome.ok
                line = self._line(outcome)
                yield {**line, "name": left.get(outcome.process, line["name"])}
        yield {"done": True, "ok": ok}

    async def _outcomes(self, verb: str, ids: Sequence[str]) -> AsyncIterator[Line]:
        """First the names that are asked about, then how it ended for each, then the end."""
        yield {"names": self._names(ids)}
        ok = True
        async for outcome in self._fleet.outcomes(verb, ids):
            ok = ok and outcome.ok
            yield self._line(outcome)
        yield {"done": True, "ok": ok}

    def _names(self, ids: Sequence[str]) -> list[str]:
        return [display_name(self._fleet.site, id_) for id_ in ids]

    def _line(self, outcome: Outcome) -> Line:
        return {
            "process": outcome.process,
            "name": display_name(self._fleet.site, outcome.process),
            "ok": outcome.ok,
            "state": outcome.state,
            "reason": outcome.reason,
        }


def _former_name(process: str, leaving: Sequence[str]) -> str:
    """What people called it: when the first copy goes and no other with it, it was the only one."""
    program = process.rpartition(":")[0]
    alone = [each for each in leaving if each.rpartition(":")[0] == program] == [f"{program}:1"]
    return program if alone else process


def _names(sent: dict[str, Any]) -> list[str]:
    names = sent.get("names")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise ValueError('"names" is missing: a list of names such as ["web", "tasks:2", "back:*"], or ["*"] for all')
    return names


def _text(sent: dict[str, Any], key: str) -> str:
    text = sent.get(key)
    if not isinstance(text, str) or not 0 < len(text) <= 64:
        raise ValueError(f'"{key}" is missing: a random text of at most 64 characters that names this command')
    return text


def _signo(wanted: object) -> int:
    """A signal by number or name, with or without SIG."""
    try:
        if isinstance(wanted, int) or (isinstance(wanted, str) and wanted.isdigit()):
            return signal.Signals(int(wanted)).value
        return signal.Signals[f"SIG{str(wanted).upper().removeprefix('SIG')}"].value
    except (ValueError, KeyError):
        raise ValueError(f"there is no signal {wanted}; name one as in HUP, SIGUSR1 or 10") from None


def _ids(status: dict[str, Any], *, wanted: bool = False, running: bool = False) -> list[str]:
    """Ids of all processes, or of those that are wanted, or of those that are not at rest."""
    return [
        each["id"]
        for each in status["processes"]
        if (each["wanted"] or not wanted) and (each["state"] not in AT_REST or not running)
    ]
