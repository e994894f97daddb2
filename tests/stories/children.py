"""The programs that the stories run: small, and each with one habit. Files of a site, by the name they get there."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

#: Writes its numbered lines to stdout as fast as asked: `python3 count.py LINES [PAUSE]`, then stays.
COUNT = """\
import sys, time
lines, pause = int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
for n in range(lines):
    print(f"line {n}", flush=True)
    time.sleep(pause)
time.sleep(1000)
"""

#: Answers TCP connections and GETs on a port, as soon as a file called `open` exists beside it.
SERVER = """\
import http.server, pathlib, sys, time
while not pathlib.Path("open").exists():
    time.sleep(0.01)
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if pathlib.Path("healthy").exists() else 503)
        self.end_headers()
    def log_message(self, *_):
        pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""

#: Deaf to the polite signals.
IGNORES_TERM = "trap '' TERM INT HUP; echo deaf; while :; do sleep 1000; done\n"

#: Waits for a child that says so when it gets TERM.
FAMILY = """\
(trap 'echo child; exit 0' TERM; echo up; while :; do sleep 0.02; done) &
trap 'wait; exit 0' TERM
wait
"""

#: Takes so many seconds to stop: `sh slow.sh SECONDS`.
SLOW_TO_STOP = "trap 'sleep $1; exit 0' TERM; echo up; sleep 1000 & wait\n"

#: Its child leads a session of its own; both stay.
SETSID_CHILD = "setsid sleep 1001 & echo $! > setsid.pid; exec sleep 1002\n"

#: Forks twice and lets the one in the middle die, in a session of its own, deaf to TERM; `bare`: without our marks,
#: and not before there is a file called `go`.
DOUBLE_FORKS = """\
import os, signal, sys, time
environment = {} if "bare" in sys.argv else os.environ
while "bare" in sys.argv and not os.path.exists("go"):
    time.sleep(0.01)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        open("stray.pid", "w").write(str(os.getpid()))
        os.execve("/bin/sleep", ["sleep", "1003"], environment)
    os._exit(0)
os.wait()
time.sleep(1000)
"""

#: Writes down each signal that it gets.
TELLS_SIGNALS = """\
import signal, sys
def tell(number, frame):
    print("got", signal.Signals(number).name, flush=True)
    if number in (signal.SIGTERM, signal.SIGQUIT):
        sys.exit(0)
for name in ("HUP", "USR1", "USR2", "TERM", "QUIT"):
    signal.signal(getattr(signal, "SIG" + name), tell)
print("listening", flush=True)
while True:
    signal.pause()
"""

#: Fails until a file called `well` exists.
FAILS_UNTIL_WELL = "test -e well || exit 3\nexec sleep 1000\n"

FILES = {
    "count.py": COUNT,
    "server.py": SERVER,
    "deaf.sh": IGNORES_TERM,
    "family.sh": FAMILY,
    "slow.sh": SLOW_TO_STOP,
    "setsid.sh": SETSID_CHILD,
    "double.py": DOUBLE_FORKS,
    "signals.py": TELLS_SIGNALS,
    "sick.sh": FAILS_UNTIL_WELL,
}


def files(toml: str, *names: str, **more: str) -> dict[str, str]:
    """The files of a site: its hotclub.toml, and these of the children."""
    return {"hotclub.toml": toml, **{name: FILES[name] for name in names}, **more}


def program(name: str, command: str = "sleep 1000", **keys: object) -> str:
    """One `[programs.NAME]` table, ready at once unless it says otherwise."""
    settings: dict[str, object] = {"command": command, "start_seconds": 0, **keys}
    return f"[programs.{name}]\n" + "".join(f"{key} = {toml(value)}\n" for key, value in settings.items())


def toml(value: object) -> str:
    """A value as TOML writes it."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
            return f'"{escaped}"'
        case Mapping():
            return "{ " + ", ".join(f"{key} = {toml(each)}" for key, each in value.items()) + " }"
        case Iterable():
            return "[" + ", ".join(map(toml, value)) + "]"
        case _:
            return str(value)


def sh(script: str) -> str:
    """A command that runs this line of shell; it has no single quotes in it."""
    assert "'" not in script
    return f"sh -c '{script}'"


def read(path: Path) -> str:
    """What is in the file; nothing if there is none yet."""
    try:
        return path.read_text(errors="backslashreplace")
    except FileNotFoundError:
        return ""


def answers(site: Any, deadline: float = 10.0) -> None:
    """Waits until the daemon of a site that was just started answers."""
    end = time.monotonic() + deadline
    while site.hotclub("status", code=None).returncode not in {0, 4}:
        assert time.monotonic() < end, "hotclub does not answer"
