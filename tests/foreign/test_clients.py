"""Programs that are not ours, as they come from Debian: curl as a client, Redis and a shell as supervised programs."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time

import pytest

pytestmark = pytest.mark.timeout(40)

SITE = """
    [programs.sleeper]
    command = "sleep 1000"
    start_seconds = 0
"""


def curl(*arguments: str) -> str:
    command = shutil.which("curl")
    if command is None:
        pytest.skip("curl is not installed")
    return subprocess.run([command, "-sS", *arguments], capture_output=True, text=True, timeout=20, check=True).stdout


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_curl_reads_the_status_over_the_unix_socket(site):
    here = site({"hotclub.toml": SITE})
    here.up()
    answer = json.loads(curl("--unix-socket", f"{here.run_dir}/api.sock", "http://hotclub/api/v1/status"))
    assert [(each["name"], each["state"]) for each in answer["processes"]] == [("sleeper", "RUNNING")]


def test_curl_stops_and_starts_with_post(site):
    here = site({"hotclub.toml": SITE})
    here.up()
    before = here.pid("sleeper")
    for verb in ("stop", "start"):
        sent = json.dumps({"names": ["sleeper"], "op": f"by-hand-{verb}"})
        lines = curl("--unix-socket", f"{here.run_dir}/api.sock", "-d", sent, f"http://hotclub/api/v1/{verb}")
        assert json.loads(lines.splitlines()[-1]) == {"done": True, "ok": True}
    assert here.pid("sleeper") != before


def test_curl_needs_the_password_on_tcp(site):
    port = free_port()
    control = f'[control]\nbind = "127.0.0.1:{port}"\nusername = "me"\npassword = "secret"\n'
    here = site({"hotclub.toml": control + "[programs.sleeper]\ncommand = 'sleep 1000'\nstart_seconds = 0\n"})
    here.up()
    url = f"http://127.0.0.1:{port}/api/v1/version"
    code = ("-o", "/dev/null", "-w", "%{http_code}")
    assert curl(*code, url) == "401"
    assert curl(*code, "-u", "me:wrong", url) == "401"
    assert curl(*code, "-u", "me:secret", url) == "200"
    assert curl(*code, "-u", "me:secret", "-H", "Host: rebound.example", url) == "421"


def test_the_tcp_address_survives_the_daemon_and_moves_on_apply(site, wait_until):
    first, second = free_port(), free_port()
    text = (
        '[control]\nbind = "127.0.0.1:{}"\npassword = "secret"\n[programs.s]\ncommand = "sleep 9"\nstart_seconds = 0\n'
    )
    here = site({"hotclub.toml": text.format(first)})
    here.up()
    subprocess.run(["kill", "-9", str(here.daemon)], check=True)
    assert here.status()["boot"] == 2
    with socket.create_connection(("127.0.0.1", first), timeout=5):
        pass
    here.write("hotclub.toml", text.format(second))
    here.hotclub("apply")

    def moved() -> bool:
        with socket.socket() as old, socket.socket() as new:
            return old.connect_ex(("127.0.0.1", first)) != 0 and new.connect_ex(("127.0.0.1", second)) == 0

    wait_until(moved, 5, "the address has moved")


def test_redis_is_ready_when_it_answers_and_saves_when_it_is_stopped(site):
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    port = free_port()
    here = site(
        {
            "hotclub.toml": f"""
                [programs.redis]
                command = "redis-server --port {port} --save 1000 1 --appendonly no"
                ready = {{ tcp = "127.0.0.1:{port}" }}

                [programs.greeter]
                command = "redis-cli -p {port} set greeting hello"
                kind = "task"
                after = ["redis"]
            """
        }
    )
    here.up()
    here.wait_state("greeter", "EXITED")
    started = time.monotonic()
    here.hotclub("down")
    assert time.monotonic() - started < 10, "redis ends by itself on TERM"
    assert (here.root / "dump.rdb").exists()
