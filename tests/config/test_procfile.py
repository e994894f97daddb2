import pytest

from hotclub.config import places
from hotclub.config.errors import ConfigError
from hotclub.config.load import load
from hotclub.model.spec import Kind, Restart, Where


@pytest.fixture
def procfile(tmp_path):
    """Writes the files and loads the Procfile among them."""

    def read(text, dotenv=None, **environ):
        (tmp_path / "Procfile").write_text(text)
        if dotenv is not None:
            (tmp_path / ".env").write_text(dotenv)
        return load(places.compute(str(tmp_path / "Procfile"), environ=environ, uid=1234), environ=environ)

    return read


def test_lines(procfile, tmp_path):
    site = procfile("# comment\n\nweb: gunicorn app\nworker-2:python  -m 'a b'\n", HOTCLUB_LOG_DIR="/logs")
    web, worker = site.programs
    assert (web.name, web.argv, web.where) == ("web", ("gunicorn", "app"), Where(str(tmp_path / "Procfile"), 3))
    assert (worker.name, worker.argv) == ("worker-2", ("python", "-m", "a b"))
    assert web.restart is Restart.ALWAYS
    assert (web.cwd, web.log.file, web.env_file) == (str(tmp_path), "/logs/web.log", ())
    assert site.files == (str(tmp_path / "Procfile"),)


@pytest.mark.parametrize("command", ["a --bind :$PORT", "A=1 a", "a && b", "a > b", "a *.py", "a `b`"])
def test_a_line_for_a_shell(procfile, command):
    (web,) = procfile(f"web: {command}\n").programs
    assert web.argv == ("/bin/sh", "-c", command)
    assert web.command == command
    assert web.stop_group


def test_ports(procfile):
    def ports(site):
        return [dict(program.env)["PORT"] for program in site.programs]

    text = "web: a\napi: b\n"
    assert ports(procfile(text)) == ["5000", "5100"]
    assert ports(procfile(text, PORT="8000")) == ["8000", "8100"]
    assert ports(procfile(text, "PORT=9000\n", PORT="8000")) == ["9000", "9100"]
    with pytest.raises(ConfigError, match='PORT: "http" is no port number; correct PORT in'):
        procfile(text, "PORT=http\n")


def test_dotenv_is_for_every_program(procfile, tmp_path):
    site = procfile("web: a\nworker: b\n", "A=1\n")
    assert [program.env_file for program in site.programs] == [(str(tmp_path / ".env"),)] * 2
    assert site.files == (str(tmp_path / "Procfile"), str(tmp_path / ".env"))
    with pytest.raises(ConfigError, match=r"\.env:1: env file: this line is not KEY=VALUE"):
        procfile("web: a\n", "nonsense\n")


def test_release_comes_first(procfile):
    web, release = procfile("web: a\nrelease: b\n").programs
    assert web.after == ("release",)
    assert (release.kind, release.restart, release.after) == (Kind.TASK, Restart.NEVER, ())


def test_bad_lines_are_all_named(procfile, tmp_path):
    file, write = tmp_path / "Procfile", "write name: command"
    with pytest.raises(ConfigError) as error:
        procfile("web: a\nnonsense\nweb: b\n7: c\nx: 'open\n")
    assert str(error.value).split("\n") == [
        f"{file}:2: Procfile: this line is not name: command; write name: command",
        f'{file}:3: Procfile: the name "web" is defined already in {file}:1; rename one of the two',
        f'{file}:4: Procfile: the name "7" is only digits, which would read like the number of a copy; {write}',
        f"{file}:5: Procfile: the command of x cannot be split into words: no closing quotation; write name: command",
    ]


def test_empty(procfile):
    with pytest.raises(ConfigError, match="it has no programs; write a line name: command"):
        procfile("# nothing\n")
