"""Clients that misbehave: the daemon goes on, answers the others, and does not grow."""

import socket
import time

import pytest
from tests.sabotage.houses import context_switches, cpu_ticks, daemon_of, keeper_of, resident

pytestmark = pytest.mark.timeout(60)

CHATTY = """
import os
line = b"x" * 199 + b"\\n"
while True:
    os.write(1, line * 100)
"""
SITE = """
[programs.calm]
command = "sleep 600"
start_seconds = 0
[programs.chatty]
command = ["python3", "chatty.py"]
start_seconds = 0
log_max_size = "1MB"
"""
MIB = 1024 * 1024


@pytest.fixture
def made(site):
    made = site({"hotclub.toml": SITE, "chatty.py": CHATTY})
    made.hotclub("up", "-d", "--only", "calm")
    return made


def connect(made):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(10)
    client.connect(str(made.run_dir / "api.sock"))
    return client


def answers_quickly(made):
    begun = time.monotonic()
    status = made.status()
    assert time.monotonic() - begun < 5
    return status


def test_two_hundred_that_say_nothing(made):
    daemon = made.daemon
    clients = [connect(made) for _ in range(200)]
    assert answers_quickly(made)["daemon"]["pid"] == daemon
    for client in clients:
        client.close()
    assert answers_quickly(made)["daemon"]["pid"] == daemon


def test_followers_that_never_read(made, wait_until):
    made.hotclub("start", "chatty")
    daemon = made.daemon
    clients = [connect(made) for _ in range(10)]
    for client in clients:
        client.sendall(b"GET /api/v1/logs?name=chatty&follow=1 HTTP/1.0\r\n\r\n")
    wait_until((made.log_dir / "chatty.log").exists, 5, "its log")
    before = resident(daemon)
    end = time.monotonic() + 4  # the time in which a buffer without a bound would grow by gigabytes
    while time.monotonic() < end:
        assert answers_quickly(made)["daemon"]["pid"] == daemon
    assert resident(daemon) - before < 64 * MIB
    for client in clients:
        client.close()
    made.hotclub("stop", "chatty")


def test_facts_that_nobody_reads(made):
    daemon = made.daemon
    client = connect(made)
    client.sendall(b"GET /api/v1/facts?follow=1 HTTP/1.0\r\n\r\n")
    for _ in range(20):
        made.hotclub("signal", "URG", "calm")
    assert answers_quickly(made)["daemon"]["pid"] == daemon
    client.close()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x00\xff\x16\x03\x01 garbage\r\n\r\n",
        b"GET",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /api/v1/start HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/v1/start HTTP/1.0\r\nContent-Length: 9\r\n\r\n[[[[[[[[[",
        b"GET /" + b"a" * 2_000_000 + b" HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.0\r\n" + b"X: y\r\n" * 300_000 + b"\r\n",
        b"POST /api/v1/stop HTTP/1.0\r\nContent-Length: 10000000\r\n\r\n" + b"[" * 10_000_000,
        b"POST /api/v1/stop HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"ffff\r\n" + b"a" * 65535,
    ],
    ids=["noise", "cut", "version", "length", "json", "path", "headers", "body", "chunks"],
)
def test_garbage(made, request_bytes):
    before = made.status()
    memory = resident(before["daemon"]["pid"])
    client = connect(made)
    try:
        client.sendall(request_bytes)
        client.shutdown(socket.SHUT_WR)
        while client.recv(65536):
            pass
    except (BrokenPipeError, ConnectionResetError):
        pass
    client.close()
    after = answers_quickly(made)
    assert after["daemon"]["pid"] == before["daemon"]["pid"]
    assert [each["pid"] for each in after["processes"]] == [each["pid"] for each in before["processes"]]
    assert resident(after["daemon"]["pid"]) - memory < 32 * MIB


def test_a_daemon_at_rest_does_not_wake_up(site, wait_until):
    made = site({"hotclub.toml": '[programs.web]\ncommand = "sleep 600"\ncopies = 30\nstart_seconds = 0\n'})
    made.hotclub("up", "-d")
    pids = (keeper_of(made), daemon_of(made))

    def quiet():
        before = [context_switches(pid) for pid in pids]
        time.sleep(0.3)
        return before == [context_switches(pid) for pid in pids]

    wait_until(quiet, 10, "the start is over")
    before = [(context_switches(pid), cpu_ticks(pid)) for pid in pids]
    time.sleep(5)  # this is what is measured
    after = [(context_switches(pid), cpu_ticks(pid)) for pid in pids]
    switches = [then[0] - now[0] for now, then in zip(before, after, strict=True)]
    print(f"5 s at rest: keeper {switches[0]} and daemon {switches[1]} wake-ups")
    assert max(switches) <= 2
    assert [then[1] - now[1] for now, then in zip(before, after, strict=True)] == [0, 0]
