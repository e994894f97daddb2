import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hotclub.config import places
from hotclub.config.errors import ConfigError
from hotclub.config.load import load
from hotclub.model.spec import (
    Backoff,
    Control,
    Group,
    Log,
    LogFormat,
    Program,
    Readiness,
    Restart,
    Where,
)

WEB = '[programs.web]\ncommand = "sleep 1"\n'


class TestGood:
    def test_defaults(self, read, tmp_path):
        site = read(WEB, HOTCLUB_LOG_DIR="/logs")
        file = str(tmp_path / "hotclub.toml")
        assert (site.name, site.root, site.file, site.files) == (
            places.sanitise(tmp_path.name),
            str(tmp_path),
            file,
            (file,),
        )
        assert (site.groups, site.control, site.log_dir) == ((), None, "/logs")
        assert site.programs == (
            Program(
                name="web",
                argv=("sleep", "1"),
                command="sleep 1",
                cwd=str(tmp_path),
                log=Log("/logs/web.log"),
                where=Where(file, 1),
            ),
        )

    def test_every_key(self, read, tmp_path):
        text = """
            [site]
            name = "My shop"
            [log]
            dir = "var/log"
            format = "json"
            max_size = "1MB"
            [control]
            bind = "[::1]:8001"
            password = "secret"
            [programs.web]
            command = ["gunicorn", "a b"]
            copies = 3
            user = "www-data"
            unix_group = "adm"
            umask = "027"
            cwd = "src"
            env = { B = "2", A = "1" }
            env_file = [".env", "/etc/env"]
            stop_signal = "QUIT"
            stop_group = true
            stop_timeout = "1m"
            start_seconds = 0
            restart = "on-failure"
            backoff = { first = "1s", factor = 3, cap = "1m", jitter = 0.5, max_restarts = 5, window = "10m" }
            essential = true
            after = ["redis"]
            ready = { http = "http://127.0.0.1:8000/", timeout = "30s" }
            log_file = "gunicorn.log"
            log_format = "text"
            log_stderr = "separate"
            log_max_size = "5MiB"
            log_total = "6MiB"
            [programs.redis]
            command = "redis-server"
            ready = { tcp = "localhost:6379" }
            log_file = false
            [programs.job]
            command = "job"
            schedule = "15 3 * * *"
            [programs.other]
            command = "x"
            ready.exec = "redis-cli ping"
            [groups]
            back = ["redis", "job"]
        """
        site = read(text)
        log_dir = str(tmp_path / "var/log")
        assert (site.name, site.log_dir) == ("My shop", log_dir)
        assert site.control == Control("::1", 8001, "hotclub", "secret")
        assert site.groups == (Group("back", ("redis", "job"), Where(site.file, 45)),)
        web, redis, job, other = site.programs
        assert web == Program(
            name="web",
            argv=("gunicorn", "a b"),
            command="gunicorn 'a b'",
            cwd=str(tmp_path / "src"),
            log=Log(f"{log_dir}/gunicorn.log", LogFormat.TEXT, True, 5 << 20, 6 << 20),
            where=Where(site.file, 11),
            copies=3,
            user="www-data",
            unix_group="adm",
            umask=0o27,
            env=(("A", "1"), ("B", "2")),
            env_file=(str(tmp_path / ".env"), "/etc/env"),
            stop_signal=signal.SIGQUIT,
            stop_group=True,
            stop_timeout=60.0,
            start_seconds=0.0,
            restart=Restart.ON_FAILURE,
            backoff=Backoff(1.0, 3.0, 60.0, 0.5, 5, 600.0),
            essential=True,
            after=("redis",),
            ready=Readiness(http="http://127.0.0.1:8000/", timeout=30.0),
        )
        assert redis.ready == Readiness(tcp=("localhost", 6379))
        assert redis.log == Log(None, LogFormat.JSON, False, 1_000_000, 10_000_000)
        assert (job.schedule, job.restart) == ("15 3 * * *", Restart.NEVER)
        assert other.ready == Readiness(exec=("redis-cli", "ping"))

    @pytest.mark.parametrize(
        ("keys", "restart"),
        [
            ("", Restart.ALWAYS),
            ('kind = "task"', Restart.NEVER),
            ("essential = true", Restart.NEVER),
            ('schedule = "* * * * *"', Restart.NEVER),
            ('essential = true\nrestart = "always"', Restart.ALWAYS),
            ('kind = "task"\nrestart = "on-failure"', Restart.ON_FAILURE),
        ],
    )
    def test_the_default_of_restart(self, read, keys, restart):
        assert read(WEB + keys).programs[0].restart is restart

    def test_pyproject(self, read, tmp_path):
        text = '[project]\nname = "x"\n[tool.hotclub.programs.web]\ncommand = "sleep 1"\n[tool.other]\nx = 1\n'
        site = read(text, file="pyproject.toml")
        assert site.programs[0].where == Where(str(tmp_path / "pyproject.toml"), 3)
        with pytest.raises(ConfigError, match=r"pyproject\.toml:4: programs\.web\.comand: there is no such key"):
            read(text.replace("command", "comand"), file="pyproject.toml")
        with pytest.raises(ConfigError, match=r"write for example \[tool\.hotclub\.programs\.web\]"):
            read("[tool.hotclub]\n", file="pyproject.toml")

    def test_by_the_path_of_the_file(self, files):
        folder = files({"hotclub.toml": WEB})
        assert load(str(folder / "hotclub.toml"), environ={}).root == str(folder)

    def test_includes_in_order(self, read, tmp_path):
        site = read(
            {
                "hotclub.toml": 'include = ["hotclub.d/*.toml", "more.toml"]\n' + WEB,
                "hotclub.d/b.toml": '[programs.b]\ncommand = "b"\ncwd = "x"\n',
                "hotclub.d/a.toml": '[programs.a]\ncommand = "a"\n[groups]\nall = ["web", "more"]\n',
                "hotclub.d/c.txt": "ignored",
                "more.toml": '[programs.more]\ncommand = "m"\n',
            }
        )
        assert [program.name for program in site.programs] == ["web", "a", "b", "more"]
        assert [os.path.relpath(file, tmp_path) for file in site.files] == [
            "hotclub.toml",
            "hotclub.d/a.toml",
            "hotclub.d/b.toml",
            "more.toml",
        ]
        assert site.program("b").where == Where(str(tmp_path / "hotclub.d/b.toml"), 1)
        assert site.program("b").cwd == str(tmp_path / "x")

    def test_a_folder_with_the_characters_of_patterns(self, tmp_path):
        folder = tmp_path / "a[1]*"
        folder.mkdir()
        (folder / "hotclub.toml").write_text('include = ["*.inc"]\n' + WEB)
        (folder / "x.inc").write_text('[programs.x]\ncommand = "x"\n')
        assert [program.name for program in load(str(folder / "hotclub.toml")).programs] == ["web", "x"]

    def test_no_log_folder(self, read):
        text = WEB + '[programs.b]\ncommand = "b"\nlog_file = "/abs/b.log"\n'
        web, other = read(text, container="oci").programs
        assert web.log.file is None
        assert other.log.file == "/abs/b.log"

    def test_the_environment_beats_the_file_for_the_log_folder(self, read):
        assert read('[log]\ndir = "logs"\n' + WEB, HOTCLUB_LOG_DIR="/elsewhere").log_dir == "/elsewhere"

    def test_windows_line_ends_and_mark(self, read):
        site = read(("\ufeff" + WEB + '[programs.b]\ncommand = "b"\n').replace("\n", "\r\n").encode())
        assert [program.where.line for program in site.programs] == [1, 3]


GOLDEN = Path(__file__).with_name("golden") / "refused.txt"


def refusals():
    """Each refused text of the golden file with the lines that are said about it."""
    for example in GOLDEN.read_text().split("===\n")[1:]:
        text, _, said = example.partition("--- says\n")
        yield pytest.param(text, said.splitlines(), id=said.partition(";")[0][:70].strip())


class TestBad:
    @pytest.mark.parametrize(("text", "messages"), list(refusals()))
    def test_messages(self, read, tmp_path, text, messages):
        with pytest.raises(ConfigError) as error:
            read(text)
        said = str(error.value).replace(f"{tmp_path}/hotclub.toml", "hotclub.toml").replace(str(tmp_path), ".")
        assert said.split("\n") == messages

    def test_all_at_once_in_the_order_of_the_files(self, read, tmp_path):
        with pytest.raises(ConfigError) as error:
            read(
                {
                    "hotclub.toml": 'include = ["*.inc"]\n' + WEB + "copies = -1\nafter = ['no']\n",
                    "a.inc": "[site]\nname = 'x'\n" + WEB,
                    "b.inc": "nonsense",
                }
            )
        main, a, b = (str(tmp_path / name) for name in ("hotclub.toml", "a.inc", "b.inc"))
        assert [str(problem) for problem in error.value.problems] == [
            f"{main}:4: programs.web.copies: is -1, less than 1; write for example copies = 2",
            f'{main}:5: programs.web.after: there is no program "no"; define it, or remove this name',
            f"{a}:1: site: there is no such key; an included file has only [programs] and [groups]; move this",
            f"{a}:3: programs.web: this name is defined already in {main}:2; rename one of the two",
            f"{b}:1: TOML: expected '=' after a key in a key/value pair; correct this line or the one before it",
        ]

    def test_not_text(self, read):
        with pytest.raises(ConfigError, match=r"hotclub\.toml:2: configuration: is not UTF-8 text; save it as UTF-8"):
            read(b"a = 1\n# \xff")

    def test_nested_too_deeply(self, read):
        with pytest.raises(ConfigError, match="TOML: is nested too deeply; write it flatter"):
            read("x = " + "[" * 5000)

    def test_unreadable(self, tmp_path):
        found = places.compute(str(tmp_path / "hotclub.toml"), environ={}, uid=1234)
        with pytest.raises(ConfigError, match="configuration: cannot be read: No such file"):
            load(found, environ={})


VALUES = st.recursive(
    st.sampled_from(['"x"', '""', "1", "-1", "1.5", "nan", "true", "[]", "{}", '"a:1"', '"* * * * *"', "2020-01-01"]),
    lambda inner: (
        st.lists(inner, max_size=2).map(lambda each: "[" + ", ".join(each) + "]")
        | st.dictionaries(st.sampled_from("ab"), inner, max_size=2).map(
            lambda each: "{" + ", ".join(f"{key} = {value}" for key, value in each.items()) + "}"
        )
    ),
    max_leaves=4,
)
KEYS = st.sampled_from(
    [
        *("command", "kind", "copies", "user", "umask", "cwd", "env", "env_file", "stop_signal", "stop_timeout"),
        *("restart", "backoff", "after", "ready", "schedule", "log_file", "log_format", "log_total", "unknown"),
    ]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=6), st.dictionaries(st.sampled_from(["site", "log", "groups"]), VALUES))
def test_any_values_are_read_or_refused_with_a_place(tmp_path, keys, top):
    lines = [f"{key} = {value}" for key, value in top.items()] + ["[programs.web]"]
    lines += [f"{key} = {value}" for key, value in keys.items()]
    (tmp_path / "hotclub.toml").write_text("\n".join(lines))
    refused = None
    try:
        load(str(tmp_path / "hotclub.toml"), environ={})
    except ConfigError as error:
        refused = error
    assert refused is None or all(problem.where.line and problem.next_step for problem in refused.problems)
