"""Odd folders, environments and descriptors: hotclub is started from cron, from installers, from anywhere."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.stories.children import answers, files, program, read, sh

COMMAND = str(Path(sys.executable).with_name("hotclub"))


def _shell(made, script, **env):
    return subprocess.run(
        ["sh", "-c", script],
        cwd=made.root,
        env={**made.env, "HOTCLUB": COMMAND, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_up_with_closed_standard_descriptors(site, closed):
    made = site(files(program("web", sh("echo hello; echo error >&2; exec sleep 1000"))))
    done = _shell(made, f'"$HOTCLUB" up -d {closed}')
    assert done.returncode == 0, done.stderr
    assert made.process("web")["state"] == "RUNNING"
    assert sorted(os.listdir(f"/proc/{made.pid('web')}/fd")) == ["0", "1", "2"]


def test_a_foreground_up_with_closed_standard_descriptors(site):
    made = site(files(program("web", sh("echo hello; exec sleep 1000"))))
    up = subprocess.Popen(["sh", "-c", f"exec {COMMAND} up <&- >&- 2>&-"], cwd=made.root, env=made.env)
    try:
        answers(made)
        made.wait_state("web", "RUNNING")
        made.hotclub("down")
        assert up.wait(10) == 0
    finally:
        up.kill()
        up.wait()


def test_output_that_nobody_reads_any_more_stops_nothing(site, wait_until):
    made = site(files(program("web", "python3 count.py 300 0.01"), "count.py"))
    up = subprocess.Popen(
        ["sh", "-c", f"exec {COMMAND} up"],
        cwd=made.root,
        env=made.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        assert up.stdout is not None
        up.stdout.readline()
        up.stdout.close()
        wait_until(lambda: "line 299" in read(made.log_dir / "web.log"))
        assert made.process("web")["restarts"] == 0
        made.hotclub("down")
        assert up.wait(10) == 0
    finally:
        up.kill()
        up.wait()


def test_following_into_a_closed_pipe_ends_quietly(site):
    made = site(files(program("web", "python3 count.py 100000 0.01"), "count.py"))
    made.hotclub("up", "-d")
    done = _shell(made, '"$HOTCLUB" logs -f web | head -1')
    assert done.stdout == "web | line 0\n"
    assert done.stderr == ""


@pytest.mark.parametrize("name", ["with space", "übung €", 'quo"te', "dollar$HOME", "per%cent", "[glob]*"])
def test_a_site_lives_in_a_folder_with_any_name(site, name):
    made = site()
    root = made.root / name
    root.mkdir()
    (root / "hotclub.toml").write_text(
        'include = ["d/*.toml"]\n' + program("web", sh("echo hello; exec sleep 1000"), env_file=".env")
    )
    (root / ".env").write_text("A=1\n")
    (root / "d").mkdir()
    (root / "d" / "more.toml").write_text(program("more"))
    made.env["PWD"] = str(root)
    made.hotclub("up", "-d", cwd=root)
    assert made.hotclub("status", cwd=root).stdout.count("RUNNING") == 2
    assert os.readlink(f"/proc/{made.pid('web')}/cwd") == str(root)
    made.hotclub("apply", cwd=root)
    made.hotclub("ps", cwd=root)
    made.hotclub("down", cwd=root)


def test_without_a_locale_everything_works_and_nothing_is_a_traceback(site, wait_until):
    toml = program("web", sh("echo grüße; exec sleep 1000"), env={"NAME": "grün"})
    made = site(files(toml))
    for name in ("LC_ALL", "LANG", "PYTHONUTF8", "PYTHONIOENCODING"):
        made.env.pop(name, None)
    made.env |= {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0"}
    made.hotclub("up", "-d")
    wait_until(lambda: (made.log_dir / "web.log").read_bytes() == "grüße\n".encode())
    for words in (["logs"], ["status"], ["ps"], ["facts"], ["check"], ["restart", "web"], ["down"]):
        assert "Traceback" not in made.hotclub(*words).stderr


def test_with_next_to_no_environment_hotclub_still_works(site):
    made = site(files(program("web")))
    kept = ("HOTCLUB_RUN_DIR", "HOTCLUB_LOG_DIR")
    made.env = {name: made.env[name] for name in kept}
    made.hotclub("up", "-d")
    assert made.process("web")["state"] == "RUNNING"
    made.hotclub("down")


def test_modules_in_the_project_do_not_shadow_hotclubs(site):
    made = site(files(program("web"), **{"asyncio.py": "1/0\n", "hotclub.py": "1/0\n", "signal.py": "1/0\n"}))
    made.hotclub("up", "-d")
    made.hotclub("status")
    made.hotclub("down")


def test_hotclub_within_hotclub_is_a_house_of_its_own(site, wait_until):
    made = site(files(program("inner", f"{COMMAND} -c inner up", stop_timeout=5)))
    made.write("inner/hotclub.toml", program("web"))
    inner_run = made.folder / "inner-run"
    made.write(
        "hotclub.toml",
        program("inner", f"{COMMAND} -c inner up", env={"HOTCLUB_RUN_DIR": str(inner_run)}),
    )
    made.hotclub("up", "-d")
    wait_until((inner_run / "api.sock").exists)
    wait_until(lambda: "sleep 1000" in made.processes().values())
    made.hotclub("down")
    assert made.processes() == {}


def test_a_changed_path_is_that_of_the_program(site):
    made = site(files(program("web", "my-server", env={"PATH": "/usr/bin:/bin:bin"})))
    made.write("bin/my-server", "#!/bin/sh\nexec sleep 1000\n")
    made.hotclub("up", "-d")
    assert made.process("web")["state"] == "RUNNING"


def test_hotclub_can_be_started_as_a_module(site):
    made = site(files(program("web")))
    done = subprocess.run(
        [sys.executable, "-m", "hotclub", "version"],
        env=made.env,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 0, done.stderr
