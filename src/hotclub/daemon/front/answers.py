"""How an answer is made: JSON, streams of JSON lines, and refusals that say what to do next."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from hotclub.config.errors import ConfigError
from hotclub.daemon.fleet import Busy
from hotclub.model.select import UnknownName

MAX_BODY = 256 * 1024
BATCH = 64 * 1024
DONE: dict[str, object] = {"done": True, "ok": True}


def json(content: object, status: int = 200) -> Response:
    """The object as a JSON document."""
    return Response(msgspec.json.encode(content), status, media_type="application/json")


async def refusal(_: Request, wrong: Exception) -> Response:
    """Any error as `{"error", "hint"}`; what is not foreseen here is a defect, and uvicorn logs its traceback."""
    match wrong:
        case HTTPException():
            hint = "docs/commands.md lists what there is" if wrong.status_code in (404, 405) else ""
            return json({"error": wrong.detail, "hint": hint}, wrong.status_code)
        case UnknownName():
            return json({"error": str(wrong), "hint": ""}, 404)
        case Busy():
            return json({"error": str(wrong), "hint": "wait until it has ended, then run `hotclub up`"}, 409)
        case ConfigError():
            return json({"error": str(wrong), "hint": "nothing was changed; the old configuration stays in force"}, 422)
        case ValueError():
            return json({"error": str(wrong), "hint": ""}, 400)
        case _:
            return json({"error": f"the daemon failed: {wrong!r}", "hint": "daemon.err has the traceback"}, 500)


async def body(request: Request) -> dict[str, Any]:
    """The JSON object that was sent."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_BODY:
            raise HTTPException(413, f"a body has at most {MAX_BODY} bytes")
    try:
        sent = msgspec.json.decode(bytes(data) or b"{}")
    except msgspec.DecodeError as wrong:
        raise HTTPException(400, f"the body is not JSON: {wrong}") from wrong
    if not isinstance(sent, dict):
        raise HTTPException(400, "the body is not a JSON object")
    return sent


def stream(lines: AsyncIterator[object]) -> Response:
    """Objects as lines, each at once. Whoever makes them ends with one that has `done`."""
    return _ndjson(_each(lines))


def bulk(lines: AsyncIterator[object]) -> Response:
    """Objects as lines, many in one write, and `done` behind them: a long log is read as quickly as it can be."""
    return _ndjson(_batched(lines))


class Followers:
    """Streams without an end of their own; all of them are ended when the house goes down."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ended = False

    def stream(self, lines: AsyncIterator[object]) -> Response:
        return _ndjson(self._each(lines))

    def end(self) -> None:
        """Each gets its last line now."""
        self._ended = True
        for task in self._tasks:
            task.cancel()

    async def _each(self, lines: AsyncIterator[object]) -> AsyncIterator[bytes]:
        """The sending task is cancelled by `end` or because the client has left; only the first has a last line."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a response is always sent by one
        self._tasks.add(task)
        try:
            if not self._ended:
                async for line in lines:
                    yield _line(line)
        except asyncio.CancelledError:
            if not self._ended:
                raise
            task.uncancel()
        finally:
            self._tasks.discard(task)
        yield _line(DONE)


def _ndjson(chunks: AsyncIterator[bytes]) -> Response:
    return StreamingResponse(chunks, media_type="application/x-ndjson")


async def _each(lines: AsyncIterator[object]) -> AsyncIterator[bytes]:
    async for line in lines:
        yield _line(line)


async def _batched(lines: AsyncIterator[object]) -> AsyncIterator[bytes]:
    waiting = bytearray()
    async for line in lines:
        waiting += _line(line)
        if len(waiting) > BATCH:
            yield bytes(waiting)
            waiting.clear()
    yield bytes(waiting) + _line(DONE)


def _line(content: object) -> bytes:
    return msgspec.json.encode(content) + b"\n"
