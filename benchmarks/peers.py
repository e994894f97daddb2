"""The supervisors that are compared, each with what its own documentation recommends.

An adapter writes a configuration for some programs, starts the supervisor in the foreground, and knows the commands
that a person would type. Every program's output is captured into a file of its own, everywhere, with rotation where
the peer has it. Python peers come from the package index into a virtual environment in the cache, pm2 by npm into a
prefix there, runit and s6 from Debian.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar

import common

MAX_SIZE, KEPT = 10_000_000, 10  # rotation: size of a log file, files kept
PINS = {"supervisor": "4.3.0", "circus": "0.19.0", "pm2": "7.0.4"}


@dataclass(frozen=True, slots=True)
class Program:
    name: str
    argv: tuple[str, ...]
    user: str | None = None

    @property
    def command(self) -> str:
        return " ".join(self.argv)  # no argument here has a space


class Peer:
    """One supervisor with some programs in a folder of its own."""

    name: ClassVar[str]
    stop_signal: ClassVar[int] = signal.SIGTERM

    def __init__(self, folder: Path, programs: Sequence[Program], reports: common.Reports) -> None:
        self.folder, self.programs, self.reports = folder, programs, reports
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("HOTCLUB_")}
        self.logs = folder / "log"
        self.logs.mkdir()
        self.logs.chmod(0o777)
        self.process: subprocess.Popen[bytes] | None = None
        self.ended = False
        self.configure()

    @classmethod
    def version(cls) -> str | None:
        """None when it is not available here."""
        raise NotImplementedError

    def configure(self) -> None:
        raise NotImplementedError

    def command(self) -> list[str]:
        """Starts the supervisor in the foreground."""
        raise NotImplementedError

    def status_command(self) -> list[str]:
        raise NotImplementedError

    def stop_command(self) -> list[str]:
        """Stops all programs; the supervisor stays."""
        raise NotImplementedError

    def start_command(self) -> list[str]:
        raise NotImplementedError

    @property
    def names(self) -> list[str]:
        return [program.name for program in self.programs]

    def launch(self) -> float:
        """Starts the supervisor; returns the moment before."""
        output = (self.folder / "output").open("wb")
        begun = time.monotonic()
        with output:
            self.process = subprocess.Popen(
                self.command(),
                cwd=self.folder,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return begun

    def root(self) -> int:
        """Pid of the topmost process of the supervisor."""
        assert self.process is not None
        return self.process.pid

    def pids(self) -> list[int]:
        """Every process that belongs to the supervisor: all but the programs themselves."""
        root = self.root()
        program = self.programs[0].argv[0]
        return [root, *(pid for pid in common.descendants(root) if common.executable(pid) != program)]

    def kill_all(self) -> float:
        """Ends supervisor and programs, as its init script would; returns the seconds until the last had gone."""
        pids = [*self.pids(), *(self.reports.last[name].pid for name in self.names)]
        begun = time.monotonic()
        os.kill(self.root(), self.stop_signal)
        seconds = common.wait_gone(pids) - begun
        self.ended = True
        return seconds

    def close(self) -> None:
        """Leaves nothing, whatever state it is in."""
        if self.process is None:
            return
        if self.ended:  # the pids may be others' by now
            self.process.wait()
            return
        try:
            pids = [self.root(), *common.descendants(self.root())]
        except (FileNotFoundError, ValueError):  # its pid file is not written, or gone
            pids = []
        try:
            for root in pids[:1]:
                os.kill(root, self.stop_signal)
            common.wait_gone(pids, 15)
        except (ProcessLookupError, TimeoutError):
            pass
        for pid in pids:
            try:
                # A pid may be another's by now: only what still has to do with this folder is killed.
                if str(self.folder) in Path(f"/proc/{pid}/cmdline").read_text():
                    os.kill(pid, signal.SIGKILL)
            except (ProcessLookupError, FileNotFoundError):
                pass
        self.process.wait()


class Hotclub(Peer):
    name = "hotclub"
    binary = Path(sys.executable).with_name("hotclub")

    @classmethod
    def version(cls) -> str | None:
        if not cls.binary.exists():
            return None
        done = subprocess.run([str(cls.binary), "--version"], capture_output=True, text=True, check=False)
        words = done.stdout.split()
        return words[1] if done.returncode == 0 and len(words) > 1 else None

    def configure(self) -> None:
        lines = [f'[log]\ndir = "{self.logs}"\nmax_size = {MAX_SIZE}\ntotal = {MAX_SIZE * KEPT}\n']
        for program in self.programs:
            user = f'user = "{program.user}"\n' if program.user else ""
            lines.append(f'[programs.{program.name}]\ncommand = "{program.command}"\n{user}')
        (self.folder / "hotclub.toml").write_text("\n".join(lines))
        self.env["HOTCLUB_RUN_DIR"] = str(self.folder / "run")

    def _command(self, *words: str) -> list[str]:
        return [str(self.binary), *words, "-c", str(self.folder / "hotclub.toml")]

    def command(self) -> list[str]:
        """Detached, as on a server; in the foreground it also prints everybody's lines."""
        return self._command("up", "-d")

    def root(self) -> int:
        """The keeper, which `up -d` leaves behind."""
        return int(json.loads((self.folder / "run/lock").read_text())["keeper"])

    def status_command(self) -> list[str]:
        return self._command("status")

    def stop_command(self) -> list[str]:
        return self._command("stop", "*")

    def start_command(self) -> list[str]:
        return self._command("start", "*")


@cache
def _venv() -> Path | None:
    """The Python peers' own environment."""
    venv = common.CACHE / "venv"
    stamp = venv / "pins"
    pins = [f"{name}=={PINS[name]}" for name in ("supervisor", "circus")]
    if not stamp.exists() or stamp.read_text() != " ".join(pins):
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True)
        done = subprocess.run([str(venv / "bin/pip"), "install", "--quiet", *pins], check=False)
        if done.returncode:
            return None
        stamp.write_text(" ".join(pins))
    return venv


class Supervisord(Peer):
    name = "supervisord"

    @classmethod
    def version(cls) -> str | None:
        return PINS["supervisor"] if _venv() else None

    def configure(self) -> None:
        self.socket = self.folder / "supervisor.sock"
        lines = [
            f"[unix_http_server]\nfile={self.socket}\n",
            f"[supervisord]\nnodaemon=true\nlogfile={self.folder}/supervisord.log\npidfile={self.folder}/pid\nminfds=8192\n",
            "[rpcinterface:supervisor]",
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n",
            f"[supervisorctl]\nserverurl=unix://{self.socket}\n",
        ]
        for program in self.programs:
            user = f"user={program.user}\n" if program.user else ""
            lines.append(
                f"[program:{program.name}]\ncommand={program.command}\nautorestart=true\n{user}redirect_stderr=true\n"
                f"stdout_logfile={self.logs}/{program.name}.log\n"
                f"stdout_logfile_maxbytes={MAX_SIZE}\nstdout_logfile_backups={KEPT}\n"
            )
        (self.folder / "supervisord.conf").write_text("\n".join(lines))

    def _command(self, tool: str, *words: str) -> list[str]:
        return [f"{_venv()}/bin/{tool}", "-c", f"{self.folder}/supervisord.conf", *words]

    def command(self) -> list[str]:
        return self._command("supervisord")

    def status_command(self) -> list[str]:
        return self._command("supervisorctl", "status")

    def stop_command(self) -> list[str]:
        return self._command("supervisorctl", "stop", "all")

    def start_command(self) -> list[str]:
        return self._command("supervisorctl", "start", "all")


class Circus(Peer):
    name = "circus"

    @classmethod
    def version(cls) -> str | None:
        return PINS["circus"] if _venv() else None

    def configure(self) -> None:
        self.endpoint = f"ipc://{self.folder}/circus.sock"
        lines = [f"[circus]\nendpoint = {self.endpoint}\npubsub_endpoint = ipc://{self.folder}/pubsub.sock\n"]
        for program in self.programs:
            user = f"uid = {program.user}\n" if program.user else ""
            lines.append(
                f"[watcher:{program.name}]\ncmd = {program.command}\n{user}"
                f"stdout_stream.class = FileStream\nstdout_stream.filename = {self.logs}/{program.name}.log\n"
                f"stdout_stream.max_bytes = {MAX_SIZE}\nstdout_stream.backup_count = {KEPT}\n"
            )
        (self.folder / "circus.ini").write_text("\n".join(lines))

    def command(self) -> list[str]:
        return [f"{_venv()}/bin/circusd", "--log-output", f"{self.folder}/circus.log", f"{self.folder}/circus.ini"]

    def _ctl(self, *words: str) -> list[str]:
        return [f"{_venv()}/bin/circusctl", "--endpoint", self.endpoint, "--timeout", "60", *words]

    def status_command(self) -> list[str]:
        return self._ctl("status")

    def stop_command(self) -> list[str]:
        return self._ctl("stop")

    def start_command(self) -> list[str]:
        return self._ctl("start")


def _debian(package: str, binary: str) -> str | None:
    if shutil.which(binary) is None:
        return None
    show = ["dpkg-query", "--show", "--showformat=${Version}", package]
    return subprocess.run(show, capture_output=True, text=True, check=False).stdout or "unknown"


def _script(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)


class Runit(Peer):
    name = "runit"
    stop_signal = signal.SIGHUP  # runsvdir: stop all services, then exit

    @classmethod
    def version(cls) -> str | None:
        return _debian("runit", "runsvdir")

    def configure(self) -> None:
        self.services = self.folder / "services"
        for program in self.programs:
            log = self.logs / program.name
            log.mkdir()
            (log / "config").write_text(f"s{MAX_SIZE}\nn{KEPT}\n")
            user = f"chpst -u {program.user} " if program.user else ""
            _script(self.services / program.name / "run", "exec 2>&1", f"exec {user}{program.command}")
            _script(self.services / program.name / "log/run", f"exec svlogd {log}")

    def command(self) -> list[str]:
        return ["runsvdir", str(self.services)]

    def _sv(self, verb: str) -> list[str]:
        return ["sv", verb, *(str(self.services / name) for name in self.names)]

    def status_command(self) -> list[str]:
        return self._sv("status")

    def stop_command(self) -> list[str]:
        return self._sv("stop")

    def start_command(self) -> list[str]:
        return self._sv("up")


class S6(Peer):
    name = "s6"

    @classmethod
    def version(cls) -> str | None:
        return _debian("s6", "s6-svscan")

    def configure(self) -> None:
        self.services = self.folder / "services"
        for program in self.programs:
            user = f"s6-setuidgid {program.user} " if program.user else ""
            _script(self.services / program.name / "run", "exec 2>&1", f"exec {user}{program.command}")
            _script(
                self.services / program.name / "log/run",
                f"exec s6-log n{KEPT} s{MAX_SIZE} {self.logs / program.name}",
            )

    def command(self) -> list[str]:
        return ["s6-svscan", "-c", str(2 * len(self.programs) + 20), str(self.services)]

    def _each(self, command: str) -> list[str]:
        return ["sh", "-c", f'for each in {self.services}/*; do {command} "$each"; done']

    def status_command(self) -> list[str]:
        return self._each("s6-svstat")

    def stop_command(self) -> list[str]:
        return self._each("s6-svc -d")

    def start_command(self) -> list[str]:
        return self._each("s6-svc -u")


@cache
def _pm2() -> Path | None:
    if shutil.which("npm") is None:
        return None
    prefix = common.CACHE / "npm"
    binary = prefix / "node_modules/.bin/pm2"
    if not binary.exists():
        install = [
            "npm",
            "install",
            "--silent",
            "--no-fund",
            "--no-audit",
            "--prefix",
            str(prefix),
            f"pm2@{PINS['pm2']}",
        ]
        subprocess.run(install, stdin=subprocess.DEVNULL, check=False)
    return binary if binary.exists() else None


class Pm2(Peer):
    name = "pm2"

    @classmethod
    def version(cls) -> str | None:
        return PINS["pm2"] if _pm2() else None

    def configure(self) -> None:
        apps = []
        for program in self.programs:
            app: dict[str, object] = {
                "name": program.name,
                "script": program.argv[0],
                "args": list(program.argv[1:]),
                "interpreter": "none",
                "out_file": f"{self.logs}/{program.name}.log",
                "error_file": f"{self.logs}/{program.name}.log",
            }
            if program.user:
                entry = pwd.getpwnam(program.user)
                app |= {"uid": entry.pw_uid, "gid": entry.pw_gid}
            apps.append(app)
        (self.folder / "ecosystem.json").write_text(json.dumps({"apps": apps}))
        self.env |= {"PM2_HOME": str(self.folder / "pm2"), "PM2_DISABLE_VERSION_CHECK": "true"}

    def _command(self, *words: str) -> list[str]:
        return [str(_pm2()), *words]

    def command(self) -> list[str]:
        return self._command("start", str(self.folder / "ecosystem.json"))

    def root(self) -> int:
        """Its daemon, which `pm2 start` leaves behind."""
        return int((self.folder / "pm2/pm2.pid").read_text())

    def status_command(self) -> list[str]:
        return self._command("status")

    def stop_command(self) -> list[str]:
        return self._command("stop", "all")

    def start_command(self) -> list[str]:
        return self._command("start", "all")


PEERS: dict[str, type[Peer]] = {peer.name: peer for peer in (Hotclub, Supervisord, Circus, Pm2, Runit, S6)}


@contextmanager
def running(
    kind: type[Peer], count: int, *arguments: str, user: str | None = None, launch: bool = True
) -> Iterator[Peer]:
    """A supervisor with `count` programs, all of which have reported unless `launch` is False."""
    with tempfile.TemporaryDirectory(prefix="hcb-", dir="/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        reports = common.Reports(folder)
        # A copy beside the socket: other users run it too, and the cache may be closed to them.
        argv = (str(shutil.copy(common.child(), folder / "child")), str(reports.path))
        width = len(str(count))
        names = [f"p{number:0{width}}" for number in range(1, count + 1)]
        peer = kind(folder, [Program(each, (*argv, each, *arguments), user) for each in names], reports)
        try:
            if launch:
                peer.launch()
                reports.of(names)
            yield peer
        finally:
            peer.close()
            reports.close()
