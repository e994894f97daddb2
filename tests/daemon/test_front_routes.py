"""The front over doubles: what it asks of the fleet, and what it tells clients. Real sockets, the real client."""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.daemon.front_doubles import House, shop

from hotclub.client.http import Refused
from hotclub.model.spec import Control

pytestmark = pytest.mark.timeout(20)

API = "/api/v1"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


@pytest.fixture
def public(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path, Control(host="127.0.0.1", port=0, username="admin", password="pässword"))
    yield made
    made.close()


# --- reading ---------------------------------------------------------------------------------------------------


def test_status_is_the_fleets(house: House) -> None:
    answer = house.client.get(f"{API}/status")
    assert [each["id"] for each in answer["processes"]] == ["redis:1", "web:1", "web:2"]
    assert answer["site"] == house.fleet.status()["site"]
    assert answer["processes"][0]["command"] == "redis-cli -u redis://me:•••@cache"


def test_status_of_some(house: House) -> None:
    answer = house.client.get(f"{API}/status", name=["back:*", "web:2"])
    assert [each["id"] for each in answer["processes"]] == ["redis:1", "web:2"]


def test_version(house: House) -> None:
    assert house.client.get(f"{API}/version")["api"] == 1


def test_secrets_are_masked(house: House) -> None:
    web = house.client.get(f"{API}/config")["programs"][1]
    assert web["env"] == {"DATABASE_URL": "postgres://me:•••@db/x", "SECRET_KEY": "•••", "A": "b"}


def test_a_status_of_a_hundred_programs_takes_a_millisecond(house: House) -> None:
    processes = house.fleet.status()["processes"] * 34
    answer = {**house.fleet.status(), "processes": processes}
    house.fleet.status = lambda: answer  # type: ignore[method-assign]
    house.client.get(f"{API}/status")
    best = min(_timed(lambda: house.client.get(f"{API}/status")) for _ in range(20))
    assert best < 0.01, f"{best * 1000:.1f} ms, connection and client included"


def _timed(call: object) -> float:
    started = time.perf_counter()
    assert callable(call)
    call()
    return time.perf_counter() - started


# --- commands --------------------------------------------------------------------------------------------------


def test_a_command_is_passed_on_and_its_outcomes_come_back(house: House) -> None:
    house.fleet.failing["web:2"] = "exited with status 3"
    lines = list(house.client.command("POST", f"{API}/start", {"names": ["web"], "op": "o1"}))
    assert house.fleet.calls == [("start", ["web:1", "web:2"], "o1")]
    assert lines[0] == {"names": ["web:1", "web:2"]}
    assert lines[1] == {"process": "web:1", "name": "web:1", "ok": True, "state": "RUNNING", "reason": ""}
    assert lines[2]["reason"] == "exited with status 3"
    assert lines[3] == {"done": True, "ok": False}


def test_outcomes_are_told_when_they_are_known(house: House) -> None:
    house.fleet.undecided = {"web:2"}
    lines = house.client.command("POST", f"{API}/restart", {"names": ["web"], "op": "o2"})
    assert next(lines) == {"names": ["web:1", "web:2"]}
    assert next(lines)["process"] == "web:1"
    house.do(house.fleet.decide, "web:2")
    assert next(lines)["process"] == "web:2"
    assert next(lines)["done"]


def test_a_client_that_leaves_ends_its_stream(house: House) -> None:
    house.fleet.undecided = {"web:1"}
    lines = house.client.command("POST", f"{API}/stop", {"names": ["web:1"], "op": "o3"})
    next(lines)
    assert house.tasks() > 0
    lines.close()  # type: ignore[attr-defined]
    house.wait_for(lambda: house.tasks() == 0)


def test_up_waits_for_all_that_is_wanted(house: House) -> None:
    lines = list(house.client.command("GET", f"{API}/up"))
    assert [line["name"] for line in lines if "process" in line] == ["redis", "web:1", "web:2"]


@pytest.mark.parametrize("given", [1, "1", "HUP", "sighup", "SIGHUP"])
def test_signals_by_name_and_number(house: House, given: object) -> None:
    answer = house.client.post(f"{API}/signal", {"names": ["redis", "web:1"], "signal": given, "op": "o4"})
    assert house.fleet.calls == [("signal", ["redis:1", "web:1"], 1, "o4")]
    assert not answer["ok"]
    assert answer["outcomes"][0]["reason"] == "not running"


def test_down_asks_about_what_runs(house: House) -> None:
    lines = list(house.client.command("POST", f"{API}/down", {"op": "o5", "cause": "test"}))
    assert house.fleet.calls == [("down", "test", "o5")]
    assert lines[0] == {"names": ["redis", "web:1", "web:2"]}
    assert lines[-1] == {"done": True, "ok": True}


def test_a_plan_changes_nothing(house: House) -> None:
    house.fleet.next_site = shop()
    lines = list(house.client.command("POST", f"{API}/apply", {"plan": True, "op": "o6"}))
    assert lines[0]["plan"]["changes"][1] == {"program": "web", "action": "live", "fields": ["copies"]}
    assert house.fleet.calls == []


def test_apply_tells_of_what_left_and_of_what_was_touched(house: House) -> None:
    old = house.fleet.site
    house.fleet.next_site = type(old)(name=old.name, root=old.root, file=old.file, programs=old.programs[1:])
    lines = list(house.client.command("POST", f"{API}/apply", {"op": "o7"}))
    assert house.fleet.calls == [("apply", "o7")]
    assert [(line["process"], line["state"]) for line in lines if "process" in line] == [
        ("redis:1", "STOPPED"),
        ("web:1", "RUNNING"),
        ("web:2", "RUNNING"),
    ]


# --- refusals --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        ("start", {"names": ["wep"], "op": "1"}, 404, "did you mean web"),
        ("start", {"names": [], "op": "1"}, 400, '"names" is missing'),
        ("start", {"names": "web", "op": "1"}, 400, '"names" is missing'),
        ("start", {"names": ["web"]}, 400, '"op" is missing'),
        ("start", {"names": ["web"], "op": "x" * 65}, 400, "at most 64"),
        ("start", ["web"], 400, "not a JSON object"),
        ("signal", {"names": ["web"], "op": "1", "signal": "FOO"}, 400, "no signal FOO"),
        ("signal", {"names": ["web"], "op": "1", "signal": 0}, 400, "no signal 0"),
        ("apply", {"op": "1"}, 422, "hotclub.toml:8: programs.web: unknown key 'comand'; write 'command'"),
        ("nothing", {}, 404, "Not Found"),
        ("status", {}, 405, "Method Not Allowed"),
        ("start", {"names": ["x" * 300_000], "op": "1"}, 413, "at most"),
    ],
)
def test_a_bad_request_is_told_why(house: House, path: str, body: dict[str, object], status: int, says: str) -> None:
    with pytest.raises(Refused) as refused:
        house.client.post(f"{API}/{path}", body)
    assert refused.value.status == status
    assert says in refused.value.error
    assert house.fleet.calls == []


def test_a_house_that_is_going_down_starts_nothing(house: House) -> None:
    house.fleet.busy = True
    with pytest.raises(Refused, match="stopping") as refused:
        list(house.client.command("POST", f"{API}/start", {"names": ["web"], "op": "1"}))
    assert refused.value.status == 409


def test_broken_json_and_broken_http(house: House) -> None:
    assert b" 400 " in _raw(house, b"POST /api/v1/start HTTP/1.0\r\nContent-Length: 3\r\n\r\n{x}")
    assert b" 400 " in _raw(house, b"\x00\x01\x02\r\n\r\n")
    assert b" 400 " in _raw(house, b"GET / HTTP/1.1\r\nX: " + b"y" * 200_000)


def test_a_defect_is_an_answer_too(house: House) -> None:
    house.fleet.status = house.fleet.crash  # type: ignore[assignment, method-assign]
    with pytest.raises(Refused, match="a defect") as refused:
        house.client.get(f"{API}/status")
    assert refused.value.status == 500


def _raw(house: House, request: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(5)
        client.connect(house.path)
        try:
            client.sendall(request)
            return client.recv(65536)
        except ConnectionError:
            return client.recv(65536)


# --- following -------------------------------------------------------------------------------------------------


def test_facts_from_a_number_on(house: House) -> None:
    for process in ("a:1", "b:1", "c:1"):
        house.bus.tell(process)
    lines = list(house.client.follow(f"{API}/facts", ("after", "seq"), after=1))
    assert [(line["seq"], line["fact"], line["process"]) for line in lines] == [
        (2, "ProcessReady", "b:1"),
        (3, "ProcessReady", "c:1"),
    ]


def test_facts_of_another_house_start_anew(house: House) -> None:
    house.bus.tell("a:1")
    lines = list(house.client.follow(f"{API}/facts", ("after", "seq"), after=900))
    assert [line["seq"] for line in lines] == [1]


def test_following_facts_misses_none(house: House) -> None:
    house.bus.tell("a:1")
    lines = house.client.follow(f"{API}/facts", ("after", "seq"), after=0, follow=1)
    assert next(lines)["seq"] == 1
    for _ in range(500):
        house.do(house.bus.tell, "b:1")
    assert [next(lines)["seq"] for _ in range(500)] == list(range(2, 502))
    lines.close()  # type: ignore[attr-defined]
    house.wait_for(lambda: not house.bus.listeners)


def test_logs_are_asked_for_as_they_were_wanted(house: House) -> None:
    query = {"name": ["web:2"], "tail": 5, "since": 12.5, "grep": "é+"}
    lines = list(house.client.follow(f"{API}/logs", ("cursor", "cursor"), **query))
    assert [line["line"] for line in lines] == ["line 0", "line 1", "line 2"]
    asked = house.logs.asked[0]
    assert (asked["tail"], asked["since"], asked["grep"], asked["follow"]) == (5, 12.5, "é+", False)
    assert [(process, display) for process, _, display in asked["wanted"]] == [("web:2", "web:2")]


def test_logs_of_everything(house: House) -> None:
    list(house.client.follow(f"{API}/logs", ("cursor", "cursor")))
    assert [display for _, _, display in house.logs.asked[0]["wanted"]] == ["redis", "web:1", "web:2"]


def test_a_long_log_comes_whole(house: House) -> None:
    house.logs.count = 20_000
    lines = list(house.client.follow(f"{API}/logs", ("cursor", "cursor")))
    assert len(lines) == 20_000
    assert lines[-1]["line"] == "line 19999"


@pytest.mark.parametrize("query", [{"grep": "("}, {"tail": "x"}, {"since": "x"}, {"name": "nosuch"}])
def test_a_bad_query_is_refused(house: House, query: dict[str, str]) -> None:
    with pytest.raises(Refused):
        list(house.client.follow(f"{API}/logs", ("cursor", "cursor"), **query))


def test_a_bad_cursor_is_said_in_the_stream(house: House) -> None:
    (line,) = house.client.command("GET", f"{API}/logs?cursor=x")
    assert line["error"] == "'x' is no cursor"


def test_stopping_gives_followers_their_last_line(house: House) -> None:
    house.bus.tell("a:1")
    lines = house.client.follow(f"{API}/facts", ("after", "seq"), follow=1)
    assert next(lines)["seq"] == 1
    rest: list[object] = []
    reader = threading.Thread(target=lambda: rest.extend(lines))
    reader.start()
    house.run(house.front.stop())
    reader.join(5)
    assert rest == []
    assert not reader.is_alive(), "the stream has ended with its last line; nothing was asked again"


# --- at rest ---------------------------------------------------------------------------------------------------


def test_an_idle_front_has_no_timer_and_no_task(house: House) -> None:
    house.client.get(f"{API}/status")
    lines = house.client.follow(f"{API}/logs", ("cursor", "cursor"), follow=1)
    next(lines)
    assert house.timers() == 0
    lines.close()  # type: ignore[attr-defined]
    house.wait_for(lambda: house.tasks() == 0)
    assert house.timers() == 0


# --- the TCP address -------------------------------------------------------------------------------------------


def _ask(house: House, method: str = "GET", path: str = "status", **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(*house.tcp, timeout=5)
    body = json.dumps({"names": ["web"], "op": "1"}) if method == "POST" else None
    connection.request(method, f"{API}/{path}", body, {name.replace("_", "-"): text for name, text in headers.items()})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


BASIC = "Basic " + base64.b64encode("admin:pässword".encode()).decode()


def test_tcp_needs_the_password(public: House) -> None:
    assert _ask(public, Authorization=BASIC).status == 200
    for wrong in ("", "Basic", "Basic !", "Bearer x", "Basic " + base64.b64encode(b"admin:x").decode()):
        refused = _ask(public, Authorization=wrong)
        assert refused.status == 401
        assert refused.headers["WWW-Authenticate"].startswith("Basic")


@pytest.mark.parametrize("name", ["localhost", "localhost:80", "127.0.0.1:9", "[::1]:80", "192.0.2.7"])
def test_tcp_knows_these_names(public: House, name: str) -> None:
    assert _ask(public, Authorization=BASIC, Host=name).status == 200


@pytest.mark.parametrize("name", ["evil.example", "localhost.evil.example", ""])
def test_tcp_does_not_know_others(public: House, name: str) -> None:
    assert _ask(public, Authorization=BASIC, Host=name).status == 421


def test_a_page_elsewhere_cannot_send_commands(public: House) -> None:
    assert _ask(public, "POST", "start", Authorization=BASIC, Content_Type="text/plain").status == 415
    assert public.fleet.calls == []
    assert _ask(public, "POST", "start", Authorization=BASIC, Content_Type="application/json").status == 200


def test_tcp_is_locked_up_and_opened_again(public: House) -> None:
    public.run(public.front.lock_up())
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(public.tcp, timeout=5)
    assert public.client.get(f"{API}/version")
    public.listen(Control("127.0.0.1", 0, "admin", "another"))
    assert _ask(public, Authorization=BASIC).status == 401


# --- ps --------------------------------------------------------------------------------------------------------


def test_ps_names_every_process_and_its_reason(house: House) -> None:
    script = "import subprocess, sys; sys.exit(subprocess.call(['sleep', '60']))"
    web = subprocess.Popen([sys.executable, "-c", script])
    probe = subprocess.Popen(["sleep", "60"], env={**os.environ, "HOTCLUB_TOKEN": "probe:web:2#4:1"})
    stray = subprocess.Popen(["sleep", "60"], env={**os.environ, "HOTCLUB_TOKEN": "redis:1#9"})
    house.fleet.keeper, house.fleet.daemon = os.getpid(), 1
    house.fleet.pids = {"web:2": web.pid}
    lines: dict[int, Any] = {}
    try:
        house.wait_for(lambda: len(house.client.get(f"{API}/ps")["processes"]) >= 5)
        lines = {line["pid"]: line for line in house.client.get(f"{API}/ps")["processes"]}
        assert next(iter(lines.values()))["role"] == "keeper"
        assert (lines[web.pid]["role"], lines[web.pid]["name"]) == ("program", "web:2")
        assert lines[web.pid]["why"] == "programs.web in hotclub.toml:7, copy 2 of 2"
        assert lines[web.pid]["memory"]["own"] > 0
        (child,) = [line for line in lines.values() if line["ppid"] == web.pid]
        assert child["why"].startswith('started by "python')
        assert child["why"].endswith(f"(pid {web.pid})")
        assert (lines[probe.pid]["role"], lines[probe.pid]["why"]) == ("probe", "asks whether web:2 is ready")
        assert (lines[stray.pid]["role"], lines[stray.pid]["name"]) == ("stray", "redis")
    finally:
        for pid in [line["pid"] for line in lines.values() if line["ppid"] == web.pid]:
            os.kill(pid, signal.SIGKILL)
        for each in (web, probe, stray):
            each.kill()
            each.wait()
