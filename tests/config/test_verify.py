import os
from dataclasses import replace

import pytest

from hotclub.config.verify import verify

WEB = '[programs.web]\ncommand = "sleep 1"\n'
PATH = {"PATH": "/usr/bin:/bin"}
STRANGER = 61234


def said(site, tmp_path, **more):
    options = {"environ": PATH, **more}
    return [
        str(each).replace(f"{tmp_path}/hotclub.toml", "hotclub.toml").replace(str(tmp_path), ".")
        for each in verify(site, **options)
    ]


def test_all_is_well(read, tmp_path):
    assert said(read(WEB, HOTCLUB_LOG_DIR=str(tmp_path / "log")), tmp_path) == []


class TestCommands:
    INSTALL = "install it, or correct the command or the PATH"

    def test_not_in_path(self, read, tmp_path):
        site = read('[programs.web]\ncommand = "no-such-command"\n', container="x")
        reason = 'no "no-such-command" in PATH (/usr/bin:/bin)'
        assert said(site, tmp_path) == [f"hotclub.toml:1: programs.web.command: {reason}; {self.INSTALL}"]

    def test_no_such_file_and_not_executable(self, read, files, tmp_path):
        files({"bin/run": "#!/bin/sh\n"})
        text = '[programs.a]\ncommand = "bin/no"\n[programs.b]\ncommand = "bin/run"\n'
        text += '[programs.c]\ncommand = "run"\nenv = { PATH = "bin" }\n'
        os.chmod(tmp_path / "bin/run", 0o644)
        site = read(text, container="x")
        assert said(site, tmp_path) == [
            f"hotclub.toml:1: programs.a.command: there is no file ./bin/no; {self.INSTALL}",
            f"hotclub.toml:3: programs.b.command: ./bin/run is not executable (mode 0644); {self.INSTALL}",
            f"hotclub.toml:5: programs.c.command: ./bin/run is not executable (mode 0644); {self.INSTALL}",
        ]
        os.chmod(tmp_path / "bin/run", 0o755)
        assert len(said(site, tmp_path)) == 1

    def test_the_path_is_the_programs_own(self, read, files, tmp_path):
        files({"bin/tool": "", ".env": f"PATH={tmp_path}/bin\n"})
        os.chmod(tmp_path / "bin/tool", 0o755)
        assert said(read('[programs.web]\ncommand = "tool"\nenv_file = ".env"\n', container="x"), tmp_path) == []

    def test_the_probes_too(self, read, tmp_path):
        site = read(WEB + 'ready = { exec = "./probe" }', container="x")
        assert said(site, tmp_path) == [
            f"hotclub.toml:1: programs.web.ready.exec: there is no file ./probe; {self.INSTALL}".replace("./", "././")
        ]


def test_cwd(read, files, tmp_path):
    files({"file": ""})
    text = WEB + 'cwd = "gone"\n[programs.b]\ncommand = "sleep 1"\ncwd = "file"\n'
    assert said(read(text, container="x"), tmp_path) == [
        "hotclub.toml:1: programs.web.cwd: there is no folder ./gone; create it, or correct cwd",
        "hotclub.toml:4: programs.b.cwd: ./file is not a folder; create it, or correct cwd",
    ]


def test_env_files(read, files, tmp_path):
    files({"bad.env": "A=1\nnonsense\n"})
    text = WEB + 'env_file = ["no.env", "bad.env"]\n[programs.b]\ncommand = "sleep 1"\nenv_file = "bad.env"\n'
    assert said(read(text, container="x"), tmp_path) == [
        "hotclub.toml:1: programs.web.env_file: there is no file ./no.env; create it, or correct env_file",
        './bad.env:2: env file: this line is not KEY=VALUE; write KEY=value or KEY="a value"',
    ]


class TestUsers:
    def test_unknown(self, read, tmp_path):
        site = read(WEB + 'user = "nobody-at-all"\n', container="x")
        (line,) = said(site, tmp_path, uid=0)
        reason = "no user 'nobody-at-all' on this machine"
        assert line == f"hotclub.toml:1: programs.web.user: {reason}; create it, or name one that exists"
        site = read(WEB + 'unix_group = "no-group-at-all"\n', container="x")
        (line,) = said(site, tmp_path, uid=0)
        assert line.startswith("hotclub.toml:1: programs.web.unix_group: no group 'no-group-at-all' on this machine;")

    def test_only_root_may_change_it(self, read, tmp_path):
        site = read(WEB + 'user = "nobody"\n', container="x")
        assert said(site, tmp_path, uid=0) == []
        (line,) = said(site, tmp_path, uid=STRANGER, gids=[STRANGER])
        reason = "only root may start a program as nobody, and this is uid 61234"
        assert line == f"hotclub.toml:1: programs.web.user: {reason}; run hotclub as root, or remove this key"


class TestLogFolders:
    CURE = "change its owner or mode, or set [log] dir or HOTCLUB_LOG_DIR to another folder"

    @pytest.fixture
    def site(self, read, tmp_path):
        site = read(WEB, HOTCLUB_LOG_DIR=str(tmp_path / "log"))
        return replace(site, file="hotclub.toml")

    def test_no_right(self, site, tmp_path):
        folder = tmp_path / "log"
        folder.mkdir(0o755)
        os.chmod(folder, 0o755)
        (line,) = said(site, tmp_path, uid=STRANGER, gids=[STRANGER])
        owner, _, reason = line.removeprefix("hotclub.toml: log folder: ./log belongs to ").partition(" with ")
        assert owner == (f"{folder.owner()}:{folder.group()}" if os.getuid() == 0 else owner)
        assert reason == f"mode 0755, and uid 61234 needs the rights w and x on it; {self.CURE}"

    def test_no_right_to_make_it(self, site, tmp_path):
        os.chmod(tmp_path, 0o700)
        (line,) = said(site, tmp_path, uid=STRANGER, gids=[STRANGER])
        assert f"with mode 0700, and uid 61234 needs the rights w and x on it to make ./log; {self.CURE}" in line

    def test_by_group_and_by_all(self, site, tmp_path):
        folder = tmp_path / "log"
        folder.mkdir()
        os.chmod(folder, 0o770)
        assert said(site, tmp_path, uid=STRANGER, gids=[folder.stat().st_gid]) == []
        os.chmod(folder, 0o707)
        assert said(site, tmp_path, uid=STRANGER, gids=[STRANGER]) == []

    def test_no_folder(self, site, files, tmp_path):
        files({"log": ""})
        assert said(site, tmp_path) == [f"hotclub.toml: log folder: ./log is not a folder; {self.CURE}"]

    def test_of_a_single_program(self, read, files, tmp_path):
        files({"file": ""})
        site = read(WEB + f'log_file = "{tmp_path}/file/web.log"\n', container="x")
        assert said(site, tmp_path) == [f"hotclub.toml:1: programs.web.log_file: ./file is not a folder; {self.CURE}"]

    def test_a_file_that_exists_needs_no_folder(self, read, tmp_path):
        assert said(read(WEB + 'log_file = "/dev/null"\n', container="x"), tmp_path) == []
