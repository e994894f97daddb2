"""Starting and stopping a site as a whole, and what every verb answers when there is none."""

import json
import os
import signal
import socket

import pytest
from tests.stories.children import answers, files, program, sh

WEB = program("web")


@pytest.fixture
def web(site):
    return site(files(WEB))


def test_up_serves_until_ctrl_c_and_leaves_nothing(web):
    up = web.up()
    assert web.process("web")["state"] == "RUNNING"
    assert up.stop(signal.SIGINT) == 0
    assert web.processes() == {}
    assert not (web.run_dir / "api.sock").exists()
    assert "web" in up.output


def test_up_detached_returns_when_everything_is_ready(web):
    done = web.hotclub("up", "-d")
    assert "web running" in done.stdout
    assert web.process("web")["state"] == "RUNNING"
    status = web.status()
    assert status["mode"] == "detached"
    assert str(status["keeper"]["pid"]) in done.stdout
    assert os.getsid(status["keeper"]["pid"]) == status["keeper"]["pid"]


def test_up_detached_fails_with_the_reason_when_something_is_not_ready(site):
    made = site(files(WEB + program("bad", sh("exit 3"), start_seconds=0.2, restart="never")))
    done = made.hotclub("up", "-d", code=1)
    assert "bad fatal: exited with status 3" in done.stdout
    assert "web running" in done.stdout
    assert "hotclub logs bad" in done.stderr
    assert made.hotclub("status", code=4).stdout.count("FATAL") == 1


def test_up_detached_gives_up_waiting_for_a_program_that_keeps_failing(site):
    backoff = {"first": "10ms", "cap": "20ms"}
    made = site(files(program("bad", sh("exit 9"), start_seconds=0.2, backoff=backoff)))
    done = made.hotclub("up", "-d", code=1)
    assert "exited with status 9" in done.stdout
    assert made.process("bad")["wanted"]


def test_up_detached_ends_with_the_exit_code_of_an_essential_program(site):
    made = site(files(program("main", sh("exit 7"), essential=True, start_seconds=1)))
    done = made.hotclub("up", "-d", code=7)
    assert "hotclub has ended with exit code 7" in done.stderr
    assert made.processes() == {}


def test_a_second_up_says_who_runs_the_site_and_how_to_reach_it(web):
    up = web.up()
    done = web.hotclub("up", code=5)
    assert "already running in the foreground" in done.stdout
    assert f"keeper      pid {up.pid}" in done.stdout
    for place in (web.run_dir / "api.sock", web.run_dir / "lock", web.log_dir, web.root / "hotclub.toml"):
        assert str(place) in done.stdout
    assert "hotclub status" in done.stdout
    assert web.pid("web")
    assert "in the foreground" in web.hotclub("up", "-d", code=5).stdout


def test_a_second_up_knows_a_detached_one(web):
    web.hotclub("up", "-d")
    assert "already running in the background" in web.hotclub("up", code=5).stdout


def test_a_stale_socket_is_replaced_silently(web):
    web.run_dir.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(web.run_dir / "api.sock"))
        stale.listen()
    (web.run_dir / "lock").write_text('{"keeper": 1, "house": "0123456789abcdef"}')
    done = web.hotclub("up", "-d")
    assert done.stderr == ""
    assert (web.run_dir / "api.sock").stat().st_mode & 0o777 == 0o600


def test_down_says_that_nothing_runs_and_is_content(web):
    assert "is not running" in web.hotclub("down", code=0).stdout


def test_down_stops_everything_and_says_so(site):
    made = site(files(WEB + program("tasks", copies=2)))
    made.hotclub("up", "-d")
    done = made.hotclub("down")
    for name in ("web", "tasks:1", "tasks:2"):
        assert f"{name} stopped" in done.stdout
    assert "is down" in done.stdout
    assert made.processes() == {}


def test_down_stops_dependents_before_what_they_need(site):
    made = site(files(program("redis") + program("web", after=["redis"])))
    made.hotclub("up", "-d")
    done = made.hotclub("down")
    assert done.stdout.index("web stopped") < done.stdout.index("redis stopped")
    told = [line for line in (made.log_dir / "hotclub.log").read_text().splitlines() if "is being stopped" in line]
    assert ["web" in told[0], "redis" in told[1]] == [True, True]


def test_a_site_goes_up_again_after_it_went_down(web):
    for _ in range(2):
        web.hotclub("up", "-d")
        web.hotclub("down")
    assert web.processes() == {}


@pytest.mark.parametrize(
    ("option", "started"),
    [
        (("--only", "web"), {"web"}),
        (("--only", "back:"), {"tasks:1", "tasks:2"}),
        (("--only", "web", "--only", "beat"), {"web", "beat"}),
        (("--except", "tasks"), {"web", "beat"}),
        (("--only", "*", "--except", "b*"), {"web", "tasks:1", "tasks:2"}),
    ],
    ids=" ".join,
)
def test_only_and_except_choose_what_is_started(site, option, started):
    made = site(files(WEB + program("tasks", copies=2) + program("beat") + '[groups]\nback = ["tasks"]\n'))
    made.hotclub("up", "-d", *option)
    running = {each["name"] for each in made.status()["processes"] if each["state"] == "RUNNING"}
    assert running == started


def test_a_program_that_was_not_chosen_can_be_started_later(site):
    made = site(files(WEB + program("beat")))
    made.hotclub("up", "-d", "--only", "web")
    assert made.process("beat")["state"] == "STOPPED"
    made.hotclub("start", "beat")
    assert made.process("beat")["state"] == "RUNNING"


def test_what_waits_for_a_program_that_was_not_chosen_does_not_wait(site):
    made = site(files(program("redis") + program("web", after=["redis"])))
    made.hotclub("up", "-d", "--except", "redis")
    assert made.process("web")["state"] == "RUNNING"


def test_only_an_unknown_name_is_refused_before_anything_runs(web):
    done = web.hotclub("up", "--only", "wbe", code=2)
    assert "did you mean web?" in done.stderr
    assert not (web.run_dir / "api.sock").exists()


def test_the_site_is_found_from_a_folder_below_it(web):
    below = web.root / "app" / "static"
    below.mkdir(parents=True)
    web.hotclub("up", "-d", cwd=below)
    assert os.readlink(f"/proc/{web.pid('web')}/cwd") == str(web.root)
    assert "web" in web.hotclub("status", cwd=below).stdout
    web.hotclub("down", cwd=below)


def test_the_site_is_found_by_its_file_or_folder(web):
    elsewhere = web.folder
    web.hotclub("-c", str(web.root / "hotclub.toml"), "up", "-d", cwd=elsewhere)
    assert "web" in web.hotclub("status", "-c", str(web.root), cwd=elsewhere).stdout
    assert "web" in web.hotclub("--config=site/hotclub.toml", "ps", cwd=elsewhere).stdout
    web.hotclub("-csite", "down", cwd=elsewhere)


def test_the_places_are_printed_as_json(web):
    before = json.loads(web.hotclub("status", "--json", code=3).stdout)
    web.hotclub("up", "-d")
    status = web.status()
    places = status["places"]
    assert status["running"]
    assert not before["running"]
    assert before["places"].items() <= places.items()
    assert places["run_dir"] == str(web.run_dir)
    assert places["socket"] == str(web.run_dir / "api.sock")
    assert places["lock"] == str(web.run_dir / "lock")
    assert places["log_dir"] == str(web.log_dir)
    assert places["daemon_log"] == str(web.log_dir / "hotclub.log")
    assert status["site"]["root"] == str(web.root)
    assert status["site"]["file"] == str(web.root / "hotclub.toml")
    assert status["keeper"]["pid"] != status["daemon"]["pid"]


def test_without_a_run_dir_of_its_own_the_site_lives_where_the_defaults_say(web):
    del web.env["HOTCLUB_RUN_DIR"]
    del web.env["HOTCLUB_LOG_DIR"]
    said = json.loads(web.hotclub("check", "--json").stdout)["places"]
    folder, _, name = said["run_dir"].rpartition("/")
    assert name.startswith("site-")
    if os.getuid() == 0:
        assert folder == "/run/hotclub"
    else:
        assert folder in {f"{os.environ.get('XDG_RUNTIME_DIR')}/hotclub", f"/tmp/hotclub-{os.getuid()}"}


def test_nothing_is_written_into_the_project_folder(web):
    before = sorted(web.root.rglob("*"))
    web.hotclub("up", "-d")
    web.hotclub("logs")
    web.hotclub("down")
    assert sorted(web.root.rglob("*")) == before


@pytest.mark.parametrize("verb", ["ps", "start web", "stop web", "restart web", "signal HUP web", "apply", "logs"])
def test_verbs_that_need_a_running_site_say_that_there_is_none(web, verb):
    done = web.hotclub(*verb.split(), code=3)
    assert done.stderr.endswith("hotclub is not running; start it: hotclub up\n")


def test_status_of_a_site_that_does_not_run_is_3(web):
    assert "start it: hotclub up" in web.hotclub("status", code=3).stdout
    assert "is not running" in web.hotclub("facts", code=3).stderr


def test_verbs_that_need_no_running_site_work_without_one(web, hotclub):
    assert "is fine" in web.hotclub("check").stdout
    assert hotclub("version").stdout.startswith("hotclub ")
    assert json.loads(hotclub("version", "--json").stdout)["version"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["statsu"], "did you mean `hotclub status`?"),
        (["--frobnicate"], "there is no option '--frobnicate'"),
        (["start"], "NAME"),
        (["signal", "HUP"], "NAME"),
        (["logs", "--since", "10"], "has no unit"),
        (["logs", "-n", "many"], "is no number of lines"),
        ([], "usage: hotclub"),
    ],
    ids=" ".join,
)
def test_wrong_words_are_2(web, words, said):
    done = web.hotclub(*words, code=2)
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("verb", ["up", "down", "status", "ps", "logs", "start", "signal", "apply", "check", "facts"])
def test_the_help_of_a_verb_ends_in_examples(hotclub, verb):
    assert f"examples:\n  hotclub {verb}" in hotclub(verb, "--help").stdout


def test_a_folder_without_a_configuration_is_told_what_is_missing(hotclub, tmp_path):
    done = hotclub("up", code=2, cwd=tmp_path)
    assert "hotclub.toml" in done.stderr
    assert "Traceback" not in done.stderr


def test_status_names_what_is_not_up_and_exits_4(site):
    made = site(files(WEB + program("bad", "sh sick.sh", start_seconds=0.3, backoff={"first": "30s"}), "sick.sh"))
    made.up(ready=False)
    answers(made)
    made.wait_state("bad", "BACKOFF")
    said = made.hotclub("status", code=4).stdout
    assert "exited with status 3" in said
    assert made.hotclub("status", "web", code=0).stdout.count("RUNNING") == 1
    made.hotclub("stop", "bad")
    assert "STOPPED" in made.hotclub("status", code=0).stdout
