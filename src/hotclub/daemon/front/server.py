"""uvicorn inside the daemon's own loop.

Only `Server.startup` is used: its main loop would wake ten times a second, and its shutdown sleeps. Between two
requests nothing of it has a timer.
"""

from __future__ import annotations

import asyncio
import socket

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp
from uvicorn import Config, Server

from hotclub.config.errors import ConfigError
from hotclub.daemon.fleet import Busy
from hotclub.daemon.front.answers import Followers, refusal
from hotclub.daemon.front.commands import Commands
from hotclub.daemon.front.guard import Guard
from hotclub.daemon.front.ports import Bus, Fleet, House, Logs
from hotclub.daemon.front.reading import Reading
from hotclub.model.spec import Control

PREFIX = "/api/v1"
CONNECTIONS = 500  #: at once; more are answered 503
LAST_WORDS = 0.5  #: seconds that answers under way get when the front is stopped
ACCEPTED = 5  #: rounds of the loop in which a connection just accepted becomes a request, or none


class Front:
    """Serves the API on sockets that are open already."""

    def __init__(self, fleet: Fleet, bus: Bus, logs: Logs) -> None:
        self._house = House(fleet, bus, logs)
        self._followers = Followers()
        self._servers: list[Server] = []
        self._outside: Server | None = None

    async def start(self, listener: socket.socket) -> None:
        """Serve on the Unix socket, whose mode is the only guard it needs."""
        self._servers.append(await self._serve(self._app(), listener))

    async def open_up(self, listener: socket.socket, control: Control) -> None:
        """Serve on a TCP address too, behind its password."""
        self._outside = await self._serve(Guard(self._app(), control), listener)
        self._servers.append(self._outside)

    async def lock_up(self) -> None:
        """Listen on that address no longer; answers under way are finished."""
        if self._outside is not None:
            for listening in self._outside.servers:
                listening.close()
            self._outside = None

    async def stop(self) -> None:
        """Accept nothing more, end what follows, and let answers under way be finished, for a moment."""
        for server in self._servers:
            for listening in server.servers:
                listening.close()
        self._followers.end()
        for _ in range(ACCEPTED):
            await asyncio.sleep(0)
        tasks = {task for server in self._servers for task in server.server_state.tasks}
        if tasks:
            await asyncio.wait(tasks, timeout=LAST_WORDS)
        for server in self._servers:
            for connection in list(server.server_state.connections):
                connection.shutdown()
        await asyncio.sleep(0)  # transports close in the loop's next round

    async def _serve(self, app: ASGIApp, listener: socket.socket) -> Server:
        config = Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="error",  # what strangers send is no news; a defect of ours is
            access_log=False,
            date_header=False,
            server_header=False,
            proxy_headers=False,
            workers=1,
            limit_concurrency=CONNECTIONS,
        )
        config.load()
        server = Server(config)
        server.lifespan = config.lifespan_class(config)
        await server.startup(sockets=[listener])
        return server

    def _app(self) -> Starlette:
        foreseen = (HTTPException, ValueError, Busy, ConfigError, Exception)
        return Starlette(
            routes=[
                *Reading(self._house, self._followers).routes(PREFIX),
                *Commands(self._house).routes(PREFIX),
            ],
            exception_handlers=dict.fromkeys(foreseen, refusal),
        )
