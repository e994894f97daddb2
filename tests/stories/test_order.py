"""What waits for what: tasks, `after`, and probes that say when something is ready."""

import socket
import time

import pytest
from tests.stories.children import answers, files, program, read, sh


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_task_runs_once_and_what_is_after_it_starts_when_it_has_exited_0(site):
    toml = program("migrate", sh("sleep 0.2; echo migrated >> ran"), kind="task") + program(
        "web", sh("cat ran > seen; exec sleep 1000"), after=["migrate"]
    )
    made = site(files(toml))
    made.hotclub("up", "-d")
    task = made.process("migrate")
    assert (task["state"], task["status"], task["reason"]) == ("EXITED", 0, "exited with status 0")
    assert read(made.root / "seen") == "migrated\n"
    assert made.hotclub("status", code=0)
    assert "migrate exited" in made.hotclub("start", "migrate").stdout
    assert read(made.root / "ran") == "migrated\n" * 2


def test_a_task_that_fails_is_told_and_what_is_after_it_does_not_start(site):
    toml = program("migrate", sh("exit 2"), kind="task") + program("web", after=["migrate"])
    made = site(files(toml))
    done = made.hotclub("up", "-d", code=1)
    assert "migrate fatal: exited with status 2" in done.stdout
    assert "web starting: waits for migrate, which failed: exited with status 2" in done.stdout
    web = made.process("web")
    assert (web["state"], web["pid"]) == ("WAITING", None)
    assert "migrate (not finished)" in web["reason"]


def test_a_waiting_program_goes_on_when_what_failed_is_mended(site):
    toml = program("migrate", "sh migrate.sh", kind="task") + program("web", after=["migrate"])
    made = site(files(toml, **{"migrate.sh": "exit 2\n"}))
    made.hotclub("up", "-d", code=1)
    made.write("migrate.sh", "exit 0\n")
    made.hotclub("start", "migrate")
    made.wait_state("web", "RUNNING")


@pytest.mark.parametrize("kind", ["tcp", "http", "exec"])
def test_a_program_is_ready_when_its_probe_passes(site, kind, wait_until):
    port = _free_port()
    probe = {
        "tcp": {"tcp": f"127.0.0.1:{port}"},
        "http": {"http": f"http://127.0.0.1:{port}/health"},
        "exec": {"exec": "test -e healthy"},
    }[kind]
    toml = program("app", f"python3 server.py {port}", ready=probe) + program("web", after=["app"])
    made = site(files(toml, "server.py"))
    up = made.up(ready=False)
    answers(made)
    assert made.wait_state("web", "WAITING")["reason"] == "waits for app (not ready)"
    assert made.process("app")["state"] == "STARTING"
    if kind == "http":  # it answers, but not well
        made.write("open", "")
        wait_until(lambda: _accepts(port))
        assert made.process("app")["state"] == "STARTING"
    made.write("healthy", "")
    made.write("open", "")
    made.wait_ready(up)
    assert made.process("app")["restarts"] == 0


def _accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    ("probe", "said"),
    [
        ({"tcp": "127.0.0.1:9"}, "tcp 127.0.0.1:9: Connect"),
        ({"http": "http://127.0.0.1:9/"}, "http http://127.0.0.1:9/: Connect"),
        ({"exec": "test -e never"}, "exec test -e never: exit status 1"),
    ],
    ids=["tcp", "http", "exec"],
)
def test_readiness_that_never_comes_is_a_failed_start_with_the_reason(site, probe, said):
    ready = {**probe, "timeout": "300ms"}
    made = site(files(program("app", ready=ready, restart="never") + program("web", after=["app"])))
    done = made.hotclub("up", "-d", code=1)
    assert said in done.stdout
    assert "within 0.3 s" in done.stdout
    app = made.process("app")
    assert (app["state"], app["pid"]) == ("FATAL", None)
    assert made.process("web")["state"] == "WAITING"
    assert "did not become ready" in read(made.log_dir / "hotclub.log")


def test_a_program_that_never_gets_ready_is_tried_again_with_backoff(site):
    ready = {"exec": "test -e healthy", "timeout": "150ms"}
    made = site(files(program("app", ready=ready, backoff={"first": "10ms", "cap": "10ms"})))
    done = made.hotclub("up", "-d", code=1)
    assert "exit status 1 within 0.15 s" in done.stdout
    made.write("healthy", "")
    made.wait_state("app", "RUNNING")


def test_probing_commands_leave_nothing_behind(site):
    ready = {"exec": "sleep 1006", "timeout": "300ms"}
    made = site(files(program("app", ready=ready, restart="never")))
    made.hotclub("up", "-d", code=1)
    assert [command for command in made.processes().values() if "1006" in command] == []


def test_a_chain_starts_in_order(site):
    toml = "".join(
        program(name, sh(f"echo {name} >> ran; exec sleep 1000"), after=after, start_seconds=0.1)
        for name, after in (("c", ["b"]), ("b", ["a"]), ("a", []))
    )
    made = site(files(toml))
    made.hotclub("up", "-d")
    assert read(made.root / "ran").split() == ["a", "b", "c"]


def test_one_slow_program_holds_up_only_what_waits_for_it(site):
    toml = program("slow", start_seconds=60) + program("web") + program("late", after=["slow"])
    made = site(files(toml))
    began = time.monotonic()
    made.up(ready=False)
    answers(made)
    made.wait_state("web", "RUNNING")
    assert made.process("late")["state"] == "WAITING"
    assert time.monotonic() - began < 30


def test_every_copy_must_be_ready(site):
    ready = {"exec": sh("test -e $HOTCLUB_PROCESS")}
    toml = program("tasks", copies=2, ready=ready) + program("web", after=["tasks"])
    made = site(files(toml))
    up = made.up(ready=False)
    answers(made)
    made.write("tasks:1", "")
    made.wait_state("tasks:1", "RUNNING")
    assert made.process("web")["state"] == "WAITING"
    made.write("tasks:2", "")
    made.wait_ready(up)
