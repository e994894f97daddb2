"""Asking and telling: the status of 100 programs as a command and as an API call, stop and start of all of them."""

from __future__ import annotations

import argparse
import http.client
import socket
import time
import xmlrpc.client
from collections.abc import Callable
from contextlib import ExitStack

import common
import peers

STATUS, API = "status of 100, command", "status of 100, API call"
STOP, STOPPED, START = "stop of 100, command back", "stop of 100, last one gone", "start of 100, last one runs"


class UnixConnection(http.client.HTTPConnection):
    """HTTP to a Unix socket, kept open between calls."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def make_connection(self, host: object) -> http.client.HTTPConnection:  # noqa: ARG002
        connection = self._connection[1] or UnixConnection(self.path)
        self._connection = ("", connection)
        return connection


def api_call(peer: peers.Peer) -> Callable[[], object] | None:
    """One question for everything, without the price of a command; None where a peer has no such API."""
    if isinstance(peer, peers.Hotclub):
        connection = UnixConnection(f"{peer.folder}/run/api.sock")

        def ask() -> bytes:
            connection.request("GET", "/api/v1/status")
            return connection.getresponse().read()

        return ask
    if isinstance(peer, peers.Supervisord):
        server = xmlrpc.client.ServerProxy("http://localhost", transport=UnixTransport(str(peer.socket)))
        return server.supervisor.getAllProcessInfo
    return None


def stop_and_start(results: common.Results, peer: peers.Peer) -> None:
    pids = [peer.reports.last[name].pid for name in peer.names]
    begun = time.monotonic()
    results.add(STOP, peer.name, common.run(peer.stop_command(), peer.env))
    results.add(STOPPED, peer.name, max(common.wait_gone(pids) - begun, 0))
    begun = time.monotonic()
    common.run(peer.start_command(), peer.env)
    results.add(START, peer.name, max(each.at for each in peer.reports.of(peer.names, after=begun).values()) - begun)
    time.sleep(2)  # so that everybody counts them as started before the next stop


def measure(results: common.Results, chosen: list[type[peers.Peer]], options: argparse.Namespace) -> None:
    results.row(STATUS, "ms", "≤ 60")
    results.row(API, "ms", "≤ 1")
    results.row(STOP, "s", "≤ 0.1")
    results.row(STOPPED, "s")
    results.row(START, "s")
    with ExitStack() as stack:
        up = [stack.enter_context(peers.running(kind, options.count)) for kind in chosen]
        time.sleep(3)
        calls = {peer.name: call for peer in up if (call := api_call(peer))}
        for _ in range(options.repeats):
            for peer in up:
                results.add(STATUS, peer.name, common.run(peer.status_command(), peer.env) * 1000)
                if call := calls.get(peer.name):
                    call()  # the first one of a round wakes everything up
                    begun = time.monotonic()
                    for _ in range(20):
                        call()
                    results.add(API, peer.name, (time.monotonic() - begun) / 20 * 1000)
        for _ in range(max(options.repeats // 4, 1)):
            for peer in up:
                stop_and_start(results, peer)


if __name__ == "__main__":
    common.main("control", "Control of 100 programs", measure, 20)
