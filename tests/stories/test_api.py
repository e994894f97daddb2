"""The API, for whoever can speak HTTP to a Unix socket."""

import http.client
import json
import socket

import pytest
from tests.stories.children import files, program


class _Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=10)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(self.path)


@pytest.fixture
def ask(site):
    made = site(files(program("web", env={"SECRET_KEY": "abc123", "COLOUR": "red"})))
    made.hotclub("up", "-d")
    connection = _Connection(str(made.run_dir / "api.sock"))

    def request(method, target, body=None):
        connection.request(method, target, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        return answer.status, [json.loads(line) for line in answer.read().splitlines()]

    yield request
    connection.close()


def test_one_connection_can_ask_many_things(ask):
    status, (said,) = ask("GET", "/api/v1/status")
    assert status == 200
    assert said["processes"][0]["state"] == "RUNNING"
    status, lines = ask("POST", "/api/v1/restart", {"names": ["web"], "op": "mine-1"})
    assert status == 200
    assert lines[-1] == {"done": True, "ok": True}
    _, (after,) = ask("GET", "/api/v1/status?name=web")
    assert after["processes"][0]["pid"] != said["processes"][0]["pid"]
    ask("POST", "/api/v1/restart", {"names": ["web"], "op": "mine-1"})
    _, (again,) = ask("GET", "/api/v1/status")
    assert again["processes"][0]["pid"] == after["processes"][0]["pid"], "the same command was obeyed twice"


def test_secrets_are_masked(ask):
    _, (said,) = ask("GET", "/api/v1/config")
    assert "abc123" not in json.dumps(said)
    assert "red" in json.dumps(said)


@pytest.mark.parametrize(
    ("method", "target", "body", "status"),
    [
        ("GET", "/api/v1/nothing", None, 404),
        ("GET", "/", None, 404),
        ("GET", "/api/v1/start", None, 405),
        ("POST", "/api/v1/start", {"names": ["nobody"], "op": "1"}, 404),
        ("POST", "/api/v1/start", {"names": "web", "op": "1"}, 400),
        ("POST", "/api/v1/start", {"names": ["web"]}, 400),
        ("POST", "/api/v1/start", [1], 400),
        ("POST", "/api/v1/signal", {"names": ["web"], "signal": "NOPE", "op": "1"}, 400),
        ("GET", "/api/v1/facts?after=x", None, 400),
        ("GET", "/api/v1/logs?grep=(", None, 400),
    ],
)
def test_what_makes_no_sense_is_refused_with_an_explanation(ask, method, target, body, status):
    answered, (said,) = ask(method, target, body)
    assert answered == status
    assert said["error"]
    assert "hint" in said
