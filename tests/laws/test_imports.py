"""House laws about importing: which way the arrows point, what each room loads, and on which systems.

What a room loads is asked of a fresh interpreter, because this one has long loaded everything.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.laws import sources

ROOT = sources.PACKAGE.parent.parent

#: Loads a room's modules and tells what else was loaded, and what was opened or contacted meanwhile.
LOAD = """
import importlib, json, sys
before = set(sys.modules)
touched = []
def watch(event, args):
    if event == "open" and isinstance(args[0], str) and not args[0].endswith((".py", ".pyc", ".so", ".pth")):
        touched.append(f"open {args[0]}")
    elif event.startswith(("socket.", "subprocess.", "os.fork", "os.mkdir", "os.remove", "os.rename")):
        touched.append(event)
sys.addaudithook(watch)
for name in sys.argv[1:]:
    importlib.import_module(name)
found = list(touched)
print(json.dumps({"modules": sorted(set(sys.modules) - before), "touched": found}))
"""

#: Loads everything twice: first as it is, so that all foreign modules are there; then hotclub alone again, on a
#: system that says it is another and lacks what only Linux (or only Unix) has.
ELSEWHERE = """
import importlib, os, signal, socket, sys
platform, *names = sys.argv[1:]
for name in names:
    importlib.import_module(name)
for name in [name for name in sys.modules if name.partition(".")[0] == "hotclub"]:
    del sys.modules[name]
gone = ["psutil", "setproctitle"]
lacking = {
    os: ["splice", "memfd_create", "pidfd_open", "eventfd", "waitid", "P_PIDFD", "P_ALL", "sched_setaffinity",
         "pipe2", "MFD_CLOEXEC", "WNOWAIT", "EFD_CLOEXEC", "EFD_NONBLOCK", "posix_fadvise", "O_PATH"],
    socket: ["SO_PEERCRED", "SO_DOMAIN", "AF_NETLINK", "SCM_CREDENTIALS", "SO_PASSCRED", "MSG_CMSG_CLOEXEC"],
    signal: ["pidfd_send_signal", "sigtimedwait", "sigwaitinfo"],
}
if platform == "win32":
    gone += ["fcntl", "resource", "pwd", "grp", "termios", "pty", "tty", "syslog"]
    lacking[os] += ["fork", "getuid", "geteuid", "getgid", "getegid", "kill", "killpg", "setsid", "getpgid", "WNOHANG",
                    "uname", "WIFEXITED", "waitstatus_to_exitcode", "set_blocking", "sendfile", "umask", "chown"]
    lacking[socket] += ["AF_UNIX", "SOCK_SEQPACKET", "SCM_RIGHTS", "CMSG_LEN", "CMSG_SPACE", "MSG_DONTWAIT"]
    lacking[signal] += ["SIGHUP", "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGCHLD", "SIGQUIT", "SIGPIPE", "SIGSTOP",
                        "SIGCONT", "pthread_sigmask", "set_wakeup_fd", "SIG_BLOCK", "SIGALRM", "SIGTSTP"]
for name in gone:
    sys.modules[name] = None
for owner, attributes in lacking.items():
    for attribute in attributes:
        if hasattr(owner, attribute):
            delattr(owner, attribute)
sys.platform = platform
for name in names:
    try:
        importlib.import_module(name)
    except Exception as wrong:
        print(f"{name}: {type(wrong).__name__}: {wrong}")
"""


def python(code, *args, cwd=None, env=None):
    done = subprocess.run(
        [sys.executable, "-c", code, *args],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def load(*names):
    return json.loads(python(LOAD, *names))


def roots(loaded):
    return {name.partition(".")[0] for name in loaded["modules"]}


def foreign(loaded):
    return {name for name in roots(loaded) if name not in sys.stdlib_module_names and name != "hotclub"}


def rooms(loaded):
    return {name.split(".")[1] for name in loaded["modules"] if name.startswith("hotclub.")}


def test_imports_go_one_way():
    """The contracts of pyproject.toml."""
    lint = Path(sys.executable).with_name("lint-imports")
    command = [str(lint), "--no-cache", "--config", str(ROOT / "pyproject.toml")]
    env = {**os.environ, "COLUMNS": "160"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_model_is_pure():
    loaded = load(*sources.modules("model"))
    assert foreign(loaded) == set()
    assert rooms(loaded) == {"model"}
    assert loaded["touched"] == []
    assert not {"asyncio", "socket", "subprocess"} & roots(loaded)


def test_the_keeper_is_standard_library_and_setproctitle():
    loaded = load(*sources.modules("keeper"))
    assert foreign(loaded) <= {"setproctitle"}
    assert rooms(loaded) <= {"keeper", "posix", "wire"}
    assert not {"asyncio", "email", "http", "ssl", "urllib", "xml"} & roots(loaded)


def test_posix_knows_nothing_of_hotclub():
    loaded = load(*sources.modules("posix"))
    assert foreign(loaded) == set()
    assert rooms(loaded) == {"posix"}


def test_the_client_is_a_socket_and_json():
    loaded = load(*sources.modules("client"))
    assert foreign(loaded) == set()
    assert rooms(loaded) <= {"client", "wire", "model"}
    assert not {"asyncio", "email", "http", "ssl"} & roots(loaded)


#: Runs one verb where no site runs, and tells what that loaded.
VERB = """
import json, sys
from hotclub.cli.main import main
sys.argv[0] = "hotclub"
try:
    code = main()
except SystemExit as ended:
    code = ended.code
print("\\n" + json.dumps({"code": code, "modules": sorted(sys.modules)}))
"""


@pytest.mark.parametrize(
    "verb",
    ["status", "ps", "start web", "stop web", "restart web", "signal HUP web", "logs", "facts", "down", "version"],
)
def test_an_everyday_verb_loads_little(verb, tmp_path):
    (tmp_path / "hotclub.toml").write_text('[programs.web]\ncommand = "sleep 100"\n')
    env = {**os.environ, "HOTCLUB_RUN_DIR": str(tmp_path / "run"), "HOTCLUB_LOG_DIR": str(tmp_path / "log")}
    answer = json.loads(python(VERB, *verb.split(), cwd=tmp_path, env=env).splitlines()[-1])
    # Nothing runs: `down` is content with that, the others say so.
    assert answer["code"] in ((0, None) if verb in ("down", "version") else (3,)), answer["code"]
    assert not {"asyncio", "django", "rich", "click", "starlette", "uvicorn", "msgspec", "psutil"} & roots(answer)
    assert not {"email", "http", "ssl", "subprocess", "tomllib"} & roots(answer)
    assert not {"daemon", "keeper"} & rooms(answer)


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_every_module_imports_elsewhere(platform):
    """A site that has hotclub installed must not break on a system where hotclub does not run."""
    assert python(ELSEWHERE, platform, *sources.modules()) == ""
