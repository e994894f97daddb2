"""What the command makes of its words, without any site running."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from argparse import ArgumentTypeError
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from hotclub.cli import look, ps
from hotclub.cli.logs import since
from hotclub.cli.main import VERBS, main

pytestmark = pytest.mark.timeout(30)

TOML = """
[programs.web]
command = "sleep 1000"
copies = 2
after = ["migrate"]

[programs.migrate]
command = "true"
kind = "task"

[groups]
back = ["web"]
"""


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_explains_itself_and_ends_in_examples(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([verb, "--help"])
    assert left.value.code == 0
    said = capsys.readouterr().out
    assert f"usage: hotclub {verb}" in said
    assert said.partition("examples:")[2].strip().startswith("hotclub")


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(f"  {verb} " in said for verb in VERBS)
    assert "examples:" in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["statsu"], "did you mean `hotclub status`?"),
        (["frobnicate"], "`hotclub --help` lists all verbs"),
        (["--nope"], "there is no option '--nope'"),
    ],
)
def test_a_mistyped_verb(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("words", [["version"], ["--version"], ["-V"]])
def test_version(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    assert capsys.readouterr().out.startswith("hotclub 0.")


def test_version_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"version", "python"}


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_elsewhere_two_lines_say_that_linux_is_needed(platform: str) -> None:
    code = f"import sys; sys.platform = {platform!r}\nfrom hotclub.cli.main import main; sys.exit(main(['up']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 2
    assert "WSL2" in done.stderr
    assert "Linux" in done.stderr


def test_the_file_may_be_named_before_or_after_the_verb(site: Callable[..., Any]) -> None:
    made = site({"hotclub.toml": TOML})
    file = str(made.root / "hotclub.toml")
    for words in (["-c", file, "check"], ["check", "-c", file], [f"--config={file}", "check"], [f"-c{file}", "check"]):
        assert f"{file} is fine" in made.hotclub(*words, cwd="/").stdout


def test_check(site: Callable[..., Any]) -> None:
    made = site({"hotclub.toml": TOML})
    said = made.hotclub("check").stdout
    assert "order: migrate → web" in said
    assert "service x 2" in said
    document = json.loads(made.hotclub("check", "--json").stdout)
    assert document["ok"]
    assert document["order"] == [["migrate"], ["web"]]
    assert document["places"]["run_dir"] == str(made.run_dir)


def test_check_of_a_bad_file(site: Callable[..., Any]) -> None:
    made = site({"hotclub.toml": TOML.replace('"true"', '"nosuchcommand"').replace('"migrate"]', '"migrat"]')})
    said = made.hotclub("check", code=2)
    assert "hotclub.toml:" in said.stderr
    assert "Traceback" not in said.stderr
    assert made.hotclub("up", code=2).stderr == said.stderr
    document = json.loads(made.hotclub("check", "--json", code=2).stdout)
    assert not document["ok"]
    assert set(document["problems"][0]) == {"where", "subject", "reason", "next_step"}


def test_no_configuration_anywhere(tmp_path: Path, hotclub: Callable[..., Any]) -> None:
    done = hotclub("status", code=2, cwd=tmp_path)
    assert "no hotclub.toml" in done.stderr


def test_nothing_runs(site: Callable[..., Any]) -> None:
    made = site({"hotclub.toml": TOML})
    assert "is not running" in made.hotclub("down").stdout
    assert "hotclub up" in made.hotclub("status", code=3).stdout
    document = json.loads(made.hotclub("status", "--json", code=3).stdout)
    assert not document["running"]
    assert document["places"]["socket"] == str(made.run_dir / "api.sock")
    for words in (["ps"], ["start", "web"], ["logs"], ["facts", "-f"], ["apply"], ["signal", "HUP", "web"]):
        assert "hotclub is not running; start it: hotclub up" in made.hotclub(*words, code=3).stderr


def test_unknown_names_are_found_before_anything_starts(site: Callable[..., Any]) -> None:
    made = site({"hotclub.toml": TOML})
    assert "did you mean web?" in made.hotclub("up", "--only", "wep", code=2).stderr
    assert not (made.run_dir / "lock").exists()


EVERYDAY = [
    ["status"],
    ["ps"],
    ["start", "web"],
    ["stop", "web"],
    ["logs"],
    ["facts"],
    ["down"],
    ["apply"],
    ["version"],
]


@pytest.mark.parametrize("words", EVERYDAY, ids=lambda words: str(words[0]))
def test_everyday_verbs_load_little(words: list[str], site: Callable[..., Any]) -> None:
    made = site({"hotclub.toml": TOML})
    code = f"import sys; from hotclub.cli.main import main; main({words!r}); print('MODULES', *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=made.root, env=made.env, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.partition("MODULES")[2].split())
    heavy = {"asyncio", "django", "rich", "click", "msgspec", "psutil", "starlette", "uvicorn", "http.client", "email"}
    assert not loaded & (heavy | {"dataclasses", "subprocess", "urllib", "hotclub.daemon", "hotclub.keeper"})


# --- what is shown ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0, "0s"), (59.9, "59s"), (60, "1m"), (65, "1m 5s"), (3600, "1h"), (90061, "1d 1h"), (-3, "0s")],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert look.duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(None, "-"), (0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 << 30, "5.0 GiB")]
)
def test_sizes(count: int | None, text: str) -> None:
    assert look.size(count) == text


def test_times() -> None:
    assert look.moment(None) == "-"
    assert look.moment(0).startswith("19")
    assert len(look.moment(time.time())) == 8


def test_tables_are_columns() -> None:
    assert look.table(("A", "B"), [("long", "x"), ("s", "")]) == "A     B\nlong  x\ns"
    assert look.table(("A",), [("one\ntwo\x1b[31m",)]) == "A\none two [31m"


@pytest.mark.parametrize(("text", "ago"), [("10m", 600), ("1h30m", 5400), ("1.5s", 1.5), ("2d", 172800)])
def test_since_so_long_ago(text: str, ago: float) -> None:
    assert since(text) == pytest.approx(time.time() - ago, abs=5)


def test_since_a_date() -> None:
    assert since("2026-11-23T20:15") == datetime(2026, 11, 23, 20, 15).timestamp()  # noqa: DTZ001 - local, as typed
    assert since("2026-11-23T20:15:00+00:00") == 1795464900


@pytest.mark.parametrize("text", ["", "x", "10", "m10", "10y", "1..2s"])
def test_since_nonsense(text: str) -> None:
    with pytest.raises(ArgumentTypeError):
        since(text)


def test_the_tree_is_drawn() -> None:
    lines = [{"pid": pid, "ppid": ppid} for pid, ppid in [(1, 0), (2, 1), (3, 1), (5, 3), (6, 5), (7, 3), (4, 1)]]
    drawn = [f"{branch}{line['pid']}" for branch, line in ps._drawn(lines)]
    assert drawn == ["1", "├─ 2", "├─ 3", "│  ├─ 5", "│  │  └─ 6", "│  └─ 7", "└─ 4"]


def test_a_closed_pipe_is_no_traceback(site: Callable[..., Any]) -> None:
    made = site({"hotclub.toml": TOML})
    read_end, write_end = os.pipe()
    os.close(read_end)
    command = [sys.executable, "-c", "import sys; from hotclub.cli.main import main; sys.exit(main())", "--help"]
    done = subprocess.run(command, env=made.env, stdout=write_end, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write_end)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_closed_output_is_no_traceback(site: Callable[..., Any]) -> None:
    made = site({"hotclub.toml": TOML})
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -c 'from hotclub.cli.main import main; main()' version >&-"],
        env=made.env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == ""
