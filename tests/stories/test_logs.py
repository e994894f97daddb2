"""What programs print: captured, kept within bounds, shown and followed."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest
from tests.stories.children import files, program, read, sh


def _up(site, toml, *names, **more):
    made = site(files(toml, *names, **more))
    made.hotclub("up", "-d")
    return made


class Following:
    """`hotclub logs -f …` (or `facts -f`), its lines in a file."""

    def __init__(self, made, command, *words):
        self.out = made.folder / f"following-{len(list(made.folder.glob('following-*')))}"
        with self.out.open("wb") as file:
            self.process = subprocess.Popen(
                [command, *words], cwd=made.root, env=made.env, stdin=subprocess.DEVNULL, stdout=file, stderr=file
            )

    @property
    def lines(self):
        return [line.partition(" | ")[2] for line in read(self.out).splitlines()]

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(10)


@pytest.fixture
def follow(request):
    begun = []

    def begin(made, *words):
        begun.append(Following(made, str(Path(sys.executable).with_name("hotclub")), *words))
        return begun[-1]

    yield begin
    for each in begun:
        each.process.kill()
        each.process.wait()


def test_the_last_lines_are_shown_or_as_many_as_asked_for(site, wait_until):
    made = _up(site, program("web", "python3 count.py 250"), "count.py")
    wait_until(lambda: "line 249\n" in read(made.log_dir / "web.log"))
    assert [line.split(" | ")[1] for line in made.hotclub("logs").stdout.splitlines()] == [
        f"line {n}" for n in range(150, 250)
    ]
    assert made.hotclub("logs", "-n", "2", "web").stdout == "web | line 248\nweb | line 249\n"
    assert made.hotclub("logs", "-n", "0", "web").stdout == ""


def test_several_programs_are_merged_and_named(site, wait_until):
    toml = program("web", sh("echo one; exec sleep 1000"), copies=2) + program("redis", sh("echo two; exec sleep 1000"))
    made = _up(site, toml + program("beat", sh("echo three; exec sleep 1000")))
    wait_until(lambda: len(made.hotclub("logs").stdout.splitlines()) == 4)
    shown = made.hotclub("logs", "web", "redis").stdout
    assert sorted(shown.replace(" ", "").splitlines()) == ["redis|two", "web:1|one", "web:2|one"]


def test_grep_shows_only_lines_in_which_it_is_found(site, wait_until):
    made = _up(site, program("web", "python3 count.py 250"), "count.py")
    wait_until(lambda: "line 249\n" in read(made.log_dir / "web.log"))
    assert made.hotclub("logs", "--grep", "line 4[05]$").stdout == "web | line 40\nweb | line 45\n"
    done = made.hotclub("logs", "--grep", "(", code=2)
    assert "is not a regular expression" in done.stderr


def test_since_leaves_out_what_is_older(site, wait_until):
    script = "echo old; while ! test -e go; do sleep 0.02; done; echo new; exec sleep 1000"
    made = _up(site, program("web", sh(script), log_format="text"))
    log = made.log_dir / "web.log"
    wait_until(lambda: "old" in read(log))
    old = datetime.fromisoformat(read(log).split()[0]).timestamp()
    wait_until(lambda: time.time() > old + 2.2)  # times are kept to the second
    made.write("go", "")
    wait_until(lambda: "new" in read(log))
    since = datetime.fromtimestamp(old + 1.1).astimezone().isoformat()
    assert made.hotclub("logs", "--since", since).stdout == "web | new\n"
    assert made.hotclub("logs", "--since", "1h").stdout == "web | old\nweb | new\n"


def test_logs_as_json_have_time_stream_and_a_cursor(site, wait_until):
    made = _up(site, program("web", sh("echo hello; exec sleep 1000"), copies=2))
    wait_until(lambda: len(made.hotclub("logs").stdout.splitlines()) == 2)
    line = json.loads(made.hotclub("logs", "--json", "web:2").stdout)
    assert (line["process"], line["stream"], line["line"]) == ("web:2", "out", "hello")
    assert abs(line["time"] - time.time()) < 60
    assert line["cursor"]


def test_following_goes_on_through_a_restart_of_the_program(site, follow, wait_until):
    made = _up(site, program("web", sh("echo born $$; exec sleep 1000")))
    following = follow(made, "logs", "-f", "web")
    wait_until(lambda: len(following.lines) == 1)
    made.hotclub("restart", "web")
    wait_until(lambda: len(following.lines) == 2)
    assert following.lines[1] == f"born {made.pid('web')}"
    assert following.stop() == 130


def test_following_misses_and_doubles_nothing_when_the_daemon_is_killed(site, follow, wait_until):
    made = _up(site, program("web", "python3 count.py 600 0.002"), "count.py")
    following = follow(made, "logs", "-f", "-n", "1000", "web")
    for at in (100, 300):
        wait_until(lambda at=at: len(following.lines) >= at)
        os.kill(made.daemon, signal.SIGKILL)
    wait_until(lambda: f"line {599}" in following.lines, 20)
    assert following.lines == [f"line {n}" for n in range(600)]


def test_following_ends_when_hotclub_ends(site, follow, wait_until):
    made = _up(site, program("web", sh("echo hello; exec sleep 1000")))
    following = follow(made, "logs", "-f")
    wait_until(lambda: following.lines == ["hello"])
    made.hotclub("down")
    assert following.process.wait(10) == 0


def test_stderr_goes_with_stdout_or_into_a_file_of_its_own(site, wait_until):
    script = sh("echo out; echo err >&2; exec sleep 1000")
    made = _up(site, program("both", script) + program("apart", script, log_stderr="separate"))
    wait_until(lambda: read(made.log_dir / "both.log") == "out\nerr\n")
    wait_until(lambda: read(made.log_dir / "apart.log") == "out\n")
    wait_until(lambda: read(made.log_dir / "apart.err.log") == "err\n")
    assert made.process("apart")["log"] == [str(made.log_dir / "apart.log"), str(made.log_dir / "apart.err.log")]
    assert len(made.hotclub("logs", "apart").stdout.splitlines()) == 2


def test_a_log_can_be_raw_text_or_json(site, wait_until):
    script = sh("echo hello there; exec sleep 1000")
    toml = "".join(program(name, script, log_format=name) for name in ("raw", "text", "json"))
    made = _up(site, toml)
    logs = {name: made.log_dir / f"{name}.log" for name in ("raw", "text", "json")}
    wait_until(lambda: all(read(path).endswith("\n") for path in logs.values()))
    assert read(logs["raw"]) == "hello there\n"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+[+-]\d\d:\d\d text \| hello there\n", read(logs["text"]))
    line = json.loads(read(logs["json"]))
    assert (line["process"], line["stream"], line["message"]) == ("json:1", "out", "hello there")
    datetime.fromisoformat(line["time"])
    assert {each.split(" | ")[1] for each in made.hotclub("logs").stdout.splitlines()} == {"hello there"}


@pytest.mark.parametrize("form", ["raw", "text"])
def test_rotation_keeps_within_the_total_and_keeps_the_newest(site, form, wait_until):
    toml = program("web", "python3 count.py 20000", log_max_size="20KB", log_total="60KB", log_format=form)
    made = _up(site, toml, "count.py")
    wait_until(lambda: "line 19999" in made.hotclub("logs", "-n", "1").stdout, 20)
    kept = list(made.log_dir.glob("web.log*"))
    assert len(kept) > 1
    assert all(path.stat().st_size < 90_000 for path in kept)
    assert sum(path.stat().st_size for path in kept) < 60_000 + 90_000
    shown = [line.split(" | ")[1] for line in made.hotclub("logs", "-n", "500").stdout.splitlines()]
    assert shown == [f"line {n}" for n in range(19500, 20000)]


def test_a_line_of_a_megabyte_is_one_line(site, wait_until):
    code = "import time; print('x' * 1_000_000); print('after'); time.sleep(1000)"
    toml = "".join(
        program(name, f'python3 -c "{code}"', log_format=name, log_max_size="2MB") for name in ("raw", "text", "json")
    )
    made = _up(site, toml)
    for name in ("raw", "text", "json"):
        wait_until(lambda name=name: "after" in read(made.log_dir / f"{name}.log"))
        lines = made.hotclub("logs", name).stdout.splitlines()
        assert [len(line.split(" | ")[1]) for line in lines] == [1_000_000, 5], name


def test_a_last_line_without_a_newline_is_kept_and_does_not_run_into_the_next(site, wait_until):
    made = _up(site, program("web", sh("printf half; exec sleep 1000")))
    wait_until(lambda: read(made.log_dir / "web.log") == "half")
    assert made.hotclub("logs").stdout == "web | half\n"
    made.hotclub("restart", "web")
    wait_until(lambda: read(made.log_dir / "web.log") == "half\nhalf")


def test_broken_utf_8_breaks_nothing(site, wait_until):
    code = r"import sys, time; sys.stdout.buffer.write(b'caf\xe9 \xff\x00 ok\nnext\n'); time.sleep(1000)"
    toml = "".join(program(name, f'python3 -uc "{code}"', log_format=name) for name in ("raw", "json"))
    made = _up(site, toml)
    for name in ("raw", "json"):
        wait_until(lambda name=name: "next" in read(made.log_dir / f"{name}.log"))
        said = made.hotclub("logs", name).stdout
        assert "caf" in said
        assert "ok" in said
        assert "| next" in said
    assert b"caf\xe9 \xff\x00 ok\n" in (made.log_dir / "raw.log").read_bytes()


def test_the_last_words_of_a_dying_process_are_kept(site, wait_until):
    made = site(files(program("web", sh("echo farewell; exit 3"), restart="never", start_seconds=1)))
    made.hotclub("up", "-d", code=1)
    assert made.hotclub("logs", "web").stdout == "web | farewell\n"


def test_the_console_has_every_line_with_time_and_name(site, wait_until):
    toml = program("web", sh("echo hello; exec sleep 1000"), copies=2) + program(
        "quiet", sh("echo unseen by files; exec sleep 1000"), log_file=False
    )
    made = site(files(toml))
    up = made.up()
    for name, line in (("web:1", "hello"), ("web:2", "hello"), ("quiet", "unseen by files")):
        wait_until(
            lambda name=name, line=line: re.search(rf"^\d\d:\d\d:\d\d {name} +\| {line}$", up.output, re.MULTILINE)
        )
    assert not list(made.log_dir.glob("quiet*"))
    assert made.hotclub("logs", "quiet").stdout == "quiet | unseen by files\n"
    assert "\x1b" not in up.output


def test_a_log_file_can_lie_elsewhere(site, wait_until):
    made = site()
    made.write(
        "hotclub.toml", program("web", sh("echo hello; exec sleep 1000"), log_file=str(made.folder / "x/my.log"))
    )
    made.hotclub("up", "-d")
    wait_until(lambda: read(made.folder / "x" / "my.log") == "hello\n")


def test_what_cannot_be_written_is_counted_and_said_and_the_program_goes_on(site, wait_until):
    made = site(files(program("web", "python3 count.py 400 0.01"), "count.py"))
    (made.log_dir / "web.log").mkdir(parents=True)
    made.hotclub("up", "-d")
    wait_until(lambda: "output cannot be written" in read(made.log_dir / "hotclub.log"))
    assert "Is a directory" in read(made.log_dir / "hotclub.log")
    assert made.process("web")["state"] == "RUNNING"
    (made.log_dir / "web.log").rmdir()
    wait_until(lambda: "output is written again" in read(made.log_dir / "hotclub.log"))
    wait_until(lambda: "bytes of output are missing here" in read(made.log_dir / "web.log"))
    assert made.process("web")["restarts"] == 0


@pytest.mark.skipif(os.getuid() != 0, reason="mounts a small file system")
def test_a_log_folder_that_fills_up_costs_lines_and_nothing_else(site, wait_until):
    script = "head -c 2000000 /dev/zero; echo; while :; do echo tick; sleep 0.05; done"
    made = site(files(program("web", sh(script))))
    made.log_dir.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", made.log_dir], check=True)
    try:
        (made.log_dir / "ballast").write_bytes(b"x" * 200_000)
        made.hotclub("up", "-d")
        wait_until(lambda: "LogTroubled" in made.hotclub("facts").stdout)
        assert "No space left" in made.hotclub("facts").stdout
        assert made.process("web")["state"] == "RUNNING"
        (made.log_dir / "ballast").unlink()
        wait_until(lambda: "LogRecovered" in made.hotclub("facts").stdout)
        assert read(made.log_dir / "web.log").endswith("tick\n")
        assert made.process("web")["restarts"] == 0
        made.hotclub("down")
    finally:
        made.hotclub("down", code=None)
        subprocess.run(["umount", made.log_dir], check=True)


def test_logs_are_for_their_owner_and_group(site, wait_until):
    made = _up(site, program("web", sh("echo hello; exec sleep 1000")))
    wait_until(lambda: read(made.log_dir / "web.log"))
    assert made.log_dir.stat().st_mode & 0o777 == 0o750
    for name in ("web.log", "hotclub.log"):
        assert (made.log_dir / name).stat().st_mode & 0o777 == 0o640
    assert made.run_dir.stat().st_mode & 0o777 == 0o700


def test_a_log_is_never_written_through_a_symbolic_link(site, wait_until):
    made = site(files(program("web", sh("echo hello; exec sleep 1000"))))
    made.log_dir.mkdir()
    (made.log_dir / "web.log").symlink_to(made.folder / "precious")
    (made.folder / "precious").write_text("precious")
    made.hotclub("up", "-d")
    wait_until(
        lambda: "is a symbolic link, and logs are never written through one" in read(made.log_dir / "hotclub.log")
    )
    assert read(made.folder / "precious") == "precious"


def test_the_log_table_says_where_and_how(site, wait_until):
    made = site(files('[log]\ndir = "../logs"\nformat = "json"\n' + program("web", sh("echo hello; exec sleep 1000"))))
    del made.env["HOTCLUB_LOG_DIR"]
    made.hotclub("up", "-d")
    log = made.folder / "logs" / "web.log"
    wait_until(lambda: read(log).endswith("\n"))
    assert json.loads(read(log))["message"] == "hello"
    assert "web started" in read(made.folder / "logs" / "hotclub.log")
    assert made.status()["places"]["log_dir"] == str(made.folder / "logs")


def test_the_logs_of_before_are_still_there_after_a_restart_of_hotclub(site, wait_until):
    made = _up(site, program("web", sh("echo born; exec sleep 1000")))
    wait_until(lambda: read(made.log_dir / "web.log") == "born\n")
    made.hotclub("down")
    made.hotclub("up", "-d")
    wait_until(lambda: read(made.log_dir / "web.log") == "born\nborn\n")
    assert made.hotclub("logs").stdout == "web | born\nweb | born\n"
