"""Readiness, asked on real sockets; commands by a keeper that is played."""

import asyncio
import socket
from typing import Any, cast

import pytest
from tests.daemon.simulation import program

from hotclub.daemon.probes import Probes, describe
from hotclub.model import events
from hotclub.model.spec import Readiness
from hotclub.wire import house

pytestmark = pytest.mark.timeout(20)

TOKEN = "web:1#1"


class Keeper:
    """Answers each probing command with the next of these statuses; an exception text means it is not born."""

    def __init__(self, *answers):
        self.probes: Any = None
        self.sent = []
        self.answers = list(answers)

    def send(self, message, fds=()):
        self.sent.append(message)
        if isinstance(message, house.Spawn) and self.answers:
            answer = self.answers.pop(0)
            loop = asyncio.get_running_loop()
            if isinstance(answer, int):
                loop.call_soon(self.probes.exited, message.token, answer)
            else:
                loop.call_soon(self.probes.unborn, message.token, "exec", answer)


def ask(ready, keeper=None, before=None):
    """Probe once, and give back the event that came."""

    async def main():
        loop = asyncio.get_running_loop()
        link = keeper or Keeper()
        probes = link.probes = Probes(loop, cast("Any", link))
        answer = loop.create_future()
        context = before() if before else None
        server = await context if context else None
        probes.begin("web:1", TOKEN, program("web", ready=ready(server) if callable(ready) else ready),
                     answer.set_result)  # fmt: skip
        try:
            return await asyncio.wait_for(answer, 10)
        finally:
            probes.end("web:1")
            if server:
                server.close()

    return asyncio.run(main())


def port_of(server):
    return server.sockets[0].getsockname()[1]


def http_server(*statuses):
    """Answers with these, one after the other; the last one again and again."""
    left = list(statuses)

    async def answer(reader, writer):
        await reader.readline()
        status = left.pop(0) if len(left) > 1 else left[0]
        writer.write(status.encode() + b"\r\n\r\n")
        writer.close()

    return lambda: asyncio.start_server(answer, "127.0.0.1", 0)


def test_tcp():
    ready = ask(lambda server: Readiness(tcp=("127.0.0.1", port_of(server)), timeout=5), before=http_server("x"))
    assert ready == events.Ready(token=TOKEN)


def test_tcp_that_nobody_accepts(unused_port):
    failed = ask(Readiness(tcp=("127.0.0.1", unused_port), timeout=0.3))
    assert isinstance(failed, events.Unready)
    assert failed.token == TOKEN
    assert failed.reason.startswith(f"tcp 127.0.0.1:{unused_port}: ")
    assert failed.reason.endswith("within 0.3 s")


def test_http_becomes_ready_when_it_stops_failing():
    server = http_server("HTTP/1.0 503 not yet", "HTTP/1.0 500 no", "HTTP/1.1 302 Found")
    ready = ask(
        lambda server: Readiness(http=f"http://127.0.0.1:{port_of(server)}/ready?x=1", timeout=5), before=server
    )
    assert ready == events.Ready(token=TOKEN)


@pytest.mark.parametrize(("says", "reason"), [("HTTP/1.0 404 No", "answered 404"), ("SSH-2.0", "not an HTTP answer")])
def test_http_that_answers_badly(says, reason):
    failed = ask(
        lambda server: Readiness(http=f"http://127.0.0.1:{port_of(server)}/", timeout=0.3), before=http_server(says)
    )
    assert reason in failed.reason


def test_a_command_is_asked_until_it_exits_0():
    keeper = Keeper(1, "no such file", 0)
    assert ask(Readiness(exec=("check", "it"), timeout=5), keeper) == events.Ready(token=TOKEN)
    spawns = [message for message in keeper.sent if isinstance(message, house.Spawn)]
    assert [spawn.token for spawn in spawns] == [f"probe:{TOKEN}:{n}" for n in (1, 2, 3)]
    assert spawns[0].argv == ["check", "it"]
    acks = [message.token for message in keeper.sent if isinstance(message, house.Ack)]
    assert acks == [spawns[0].token, spawns[2].token], "one that was not born has no entry"


def test_a_command_that_does_not_end_is_killed():
    keeper = Keeper()
    failed = ask(Readiness(exec=("sleep", "600"), timeout=0.2), keeper)
    assert isinstance(failed, events.Unready)
    assert keeper.sent[-1] == house.Signal(token=f"probe:{TOKEN}:1", signal=9, scope="tree")


def test_nothing_is_asked_after_the_end(unused_port):
    async def main():
        heard: list[object] = []
        probes = Probes(asyncio.get_running_loop(), cast("Any", Keeper()))
        web = program("web", ready=Readiness(tcp=("127.0.0.1", unused_port), timeout=0.05))
        probes.begin("web:1", TOKEN, web, heard.append)
        await asyncio.sleep(0)
        probes.end("web:1")
        await asyncio.sleep(0.15)  # longer than its timeout
        assert heard == []

    asyncio.run(main())


def test_probes_in_words():
    assert describe(program("web", ready=Readiness(tcp=("::1", 80)))) == "tcp ::1:80"
    assert describe(program("web", ready=Readiness(http="http://x/"))) == "http http://x/"
    assert describe(program("web", ready=Readiness(exec=("a", "b")))) == "exec a b"


@pytest.fixture
def unused_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]
