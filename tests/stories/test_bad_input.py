"""What bad input gets: one clear line that names place, subject, reason and next step; exit 2; never a traceback."""

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest
from tests.stories.children import files, program

COMMAND = str(Path(sys.executable).with_name("hotclub"))
OK = '[programs.web]\ncommand = "sleep 1000"\n'

#: What is written, and what `check`, `up` and `up -d` say about it, from the file's name on.
REFUSED = {
    "unknown key": (
        OK + "stop_timout = 3\n",
        "hotclub.toml:3: programs.web.stop_timout: there is no such key; did you mean stop_timeout?",
    ),
    "unknown table": (OK + "[program.x]\n", "hotclub.toml:3: program: there is no such key; did you mean programs?"),
    "wrong type": (
        OK + 'copies = "two"\n',
        'hotclub.toml:3: programs.web.copies: is the string "two", not a whole number; write for example copies = 2',
    ),
    "unknown program in after": (
        OK + 'after = ["reds"]\n[programs.redis]\ncommand = "sleep 1"\n',
        'hotclub.toml:3: programs.web.after: there is no program "reds"; did you mean redis?',
    ),
    "unknown program in a group": (
        OK + '[groups]\nback = ["wbe"]\n',
        'hotclub.toml:4: groups.back: there is no program "wbe"; did you mean web?',
    ),
    "cycle": (
        OK + 'after = ["a"]\n[programs.a]\ncommand = "sleep 1"\nafter = ["web"]\n',
        "hotclub.toml:3: programs.web.after: these wait for each other: web → a → web; remove one of these names",
    ),
    "missing command": ("[programs.web]\ncopies = 2\n", "hotclub.toml:1: programs.web: has no command; write for"),
    "command that is not there": (
        '[programs.web]\ncommand = "no-such-command-here --now"\n',
        'hotclub.toml:1: programs.web.command: no "no-such-command-here" in PATH (',
    ),
    "path that is not there": (
        '[programs.web]\ncommand = "./serve"\n',
        "hotclub.toml:1: programs.web.command: there is no file {root}/./serve; install it, or correct the command",
    ),
    "command of a shell": (
        '[programs.web]\ncommand = "cd app && sleep 1"\n',
        "hotclub.toml:2: programs.web.command: has the word &&, which only a shell understands",
    ),
    "unknown user": (
        OK + 'user = "nobody-at-all"\n',
        "hotclub.toml:1: programs.web.user: no user 'nobody-at-all' on this machine; create it, or name one that",
    ),
    "folder that is not there": (
        OK + 'cwd = "app"\n',
        "hotclub.toml:1: programs.web.cwd: there is no folder {root}/app; create it, or correct cwd",
    ),
    "env file that is not there": (
        OK + 'env_file = ".env"\n',
        "hotclub.toml:1: programs.web.env_file: there is no file {root}/.env; create it, or correct env_file",
    ),
    "env file with a bad line": (
        OK + 'env_file = "bad.env"\n',
        'bad.env:2: env file: this line is not KEY=VALUE; write KEY=value or KEY="a value"',
    ),
    "schedule that never fires": (
        OK + 'schedule = "0 0 30 2 *"\n',
        'hotclub.toml:3: programs.web.schedule: "0 0 30 2 *": it never fires: there is no such day in that month; ',
    ),
    "schedule that is none": (OK + 'schedule = "daily"\n', 'hotclub.toml:3: programs.web.schedule: "daily": '),
    "no TOML": ("[programs.web\n", "hotclub.toml:1: TOML: expected ']' at the end of a table declaration"),
    "not UTF-8": (OK + "# \udce9\n", "hotclub.toml:3: configuration: is not UTF-8 text; save it as UTF-8"),
    "nothing at all": ("\n", "hotclub.toml: programs: there is none; write for example [programs.web]"),
    "a control address without a password": (
        OK + '[control]\nbind = "127.0.0.1:9001"\n',
        "hotclub.toml:4: control.bind: an address without a password would let everyone in; add password",
    ),
    "an include that is not there": (
        'include = ["more.toml"]\n' + OK,
        "hotclub.toml:1: include: there is no file {root}/more.toml; correct the path",
    ),
    "a log folder that is a file": (
        OK + 'log_file = "{root}/hotclub.toml/web.log"\n',
        "hotclub.toml:1: programs.web.log_file: {root}/hotclub.toml is not a folder; change its owner or mode",
    ),
}


@pytest.mark.parametrize(("text", "said"), REFUSED.values(), ids=REFUSED)
def test_it_is_refused_with_place_reason_and_next_step(site, text, said):
    made = site({"bad.env": "A=1\nthis is nothing\n"})
    raw = text.replace("{root}", str(made.root)).encode(errors="surrogateescape")
    (made.root / "hotclub.toml").write_bytes(raw)
    for words in (["check"], ["up", "-d"]):
        done = made.hotclub(*words, code=2)
        assert f"{made.root}/{said.replace('{root}', str(made.root))}" in done.stderr
        assert "Traceback" not in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert made.processes() == {}


def test_every_mistake_is_named_at_once(site):
    made = site(files(OK + 'copies = 0\nafter = ["reds"]\ncolour = "red"\n', x=""))
    said = made.hotclub("check", code=2).stderr
    assert [line.partition(": ")[0].rpartition(":")[2] for line in said.splitlines()] == ["3", "4", "5"]


def test_check_as_json_names_them_too(site):
    import json

    made = site(files(OK + "copies = 0\n"))
    said = json.loads(made.hotclub("check", "--json", code=2).stdout)
    (problem,) = said["problems"]
    assert said["ok"] is False
    assert problem["where"] == f"{made.root}/hotclub.toml:3"
    assert problem["subject"] == "programs.web.copies"
    assert problem["reason"]
    assert problem["next_step"]


def test_a_log_folder_that_cannot_be_made_is_refused(site):
    made = site(files(OK))
    made.log_dir.write_text("in the way")
    assert f"log folder: {made.log_dir} is not a folder" in made.hotclub("up", code=2).stderr


@pytest.mark.skipif(os.getuid() != 0, reason="becomes another user")
def test_a_log_folder_that_may_not_be_written_names_path_owner_mode_and_right(site):
    made = site(files(OK))
    made.folder.chmod(0o755)
    made.log_dir.mkdir(mode=0o750)
    nobody = pwd.getpwnam("nobody")
    done = subprocess.run(
        ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups", COMMAND, "check"],
        cwd=made.root,
        env=made.env,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 2
    said = f"{made.log_dir} belongs to root:root with mode 0750, and nobody needs the rights w and x on it"
    assert said in done.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="becomes another user")
def test_a_user_who_may_not_start_programs_as_another_is_told(site):
    made = site(files(OK + 'user = "daemon"\n'))
    made.folder.chmod(0o777)
    nobody = pwd.getpwnam("nobody")
    done = subprocess.run(
        ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups", COMMAND, "check"],
        cwd=made.root,
        env=made.env,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 2
    assert "only root may start a program as daemon, and this is nobody" in done.stderr


def test_a_run_folder_that_others_may_write_to_is_refused(site):
    made = site(files(OK))
    made.run_dir.mkdir()
    made.run_dir.chmod(0o777)
    done = made.hotclub("up", code=2)
    assert f"others may write to {made.run_dir} (mode 0777)" in done.stderr


def test_a_run_folder_with_too_long_a_path_is_refused(site):
    made = site(files(OK))
    made.env["HOTCLUB_RUN_DIR"] = str(made.folder / ("x" * 120))
    assert "set HOTCLUB_RUN_DIR to a shorter path" in made.hotclub("up", code=2).stderr


def test_a_file_that_is_not_there_is_named(site):
    made = site()
    assert (
        "/nowhere.toml: configuration: there is no such file" in made.hotclub("-c", "nowhere.toml", "up", code=2).stderr
    )


def test_a_configuration_that_may_not_be_read_is_named(site):
    made = site()
    (made.root / "hotclub.toml").mkdir()
    done = made.hotclub("-c", str(made.root / "hotclub.toml"), "check", code=2)
    assert "Traceback" not in done.stderr
    assert str(made.root / "hotclub.toml") in done.stderr


def test_output_into_a_closed_pipe_is_no_traceback(site):
    made = site(files(program("web")))
    made.hotclub("up", "-d")
    done = subprocess.run(
        ["sh", "-c", f"{COMMAND} facts; {COMMAND} ps | true; {COMMAND} status | head -c 1"],
        cwd=made.root,
        env=made.env,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.stderr == ""


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_elsewhere_than_on_linux_two_lines_say_what_is_needed(platform):
    code = f"import sys; sys.platform = {platform!r}; from hotclub.cli.main import main; sys.exit(main(['up']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 2
    assert "Linux" in done.stderr
    assert "WSL2" in done.stderr
