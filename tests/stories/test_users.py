"""Other users: programs that root starts as somebody else, and houses of somebody else."""

import grp
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest
from tests.stories.children import files, program, read, sh

from hotclub.config.places import in_container

COMMAND = str(Path(sys.executable).with_name("hotclub"))
pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can become others")

NOBODY = pwd.getpwnam("nobody")


def _identity(pid):
    """Real user, group and supplementary groups."""
    lines = dict(line.split(":\t", 1) for line in read(Path(f"/proc/{pid}/status")).splitlines())
    return int(lines["Uid"].split()[0]), int(lines["Gid"].split()[0]), set(map(int, lines["Groups"].split()))


def test_a_program_runs_as_its_user_with_that_users_groups_and_home(site):
    made = site(files(program("web", user="nobody") + program("root")))
    made.folder.chmod(0o755)
    made.hotclub("up", "-d")
    pid = made.pid("web")
    uid, gid, groups = _identity(pid)
    assert (uid, gid) == (NOBODY.pw_uid, NOBODY.pw_gid)
    assert groups == set(os.getgrouplist("nobody", NOBODY.pw_gid))
    environment = Path(f"/proc/{pid}/environ").read_text().split("\0")
    assert {"USER=nobody", "LOGNAME=nobody", f"HOME={NOBODY.pw_dir}"} <= set(environment)
    assert _identity(made.pid("root"))[0] == 0
    made.hotclub("stop", "web")
    assert made.process("web")["state"] == "STOPPED"


def test_a_program_runs_with_its_unix_group(site):
    made = site(files(program("web", unix_group="daemon") + program("both", user="nobody", unix_group="daemon")))
    made.folder.chmod(0o755)
    made.hotclub("up", "-d")
    daemon = grp.getgrnam("daemon").gr_gid
    assert _identity(made.pid("web"))[:2] == (0, daemon)
    assert _identity(made.pid("both"))[:2] == (NOBODY.pw_uid, daemon)


def test_logs_of_another_users_program_belong_to_us_and_are_written(site, wait_until):
    made = site(files(program("web", sh("id -un; exec sleep 1000"), user="nobody")))
    made.folder.chmod(0o755)
    made.hotclub("up", "-d")
    wait_until(lambda: read(made.log_dir / "web.log") == "nobody\n")
    assert (made.log_dir / "web.log").stat().st_uid == 0


def test_a_probing_command_runs_as_the_programs_user(site):
    ready = {"exec": sh("test $(id -un) = nobody")}
    made = site(files(program("web", user="nobody", ready=ready)))
    made.folder.chmod(0o755)
    made.hotclub("up", "-d")


def _nobody_may_run_python() -> bool:
    """Whether another user reaches this interpreter; one below root's home is out of reach."""
    become = ["setpriv", f"--reuid={NOBODY.pw_uid}", f"--regid={NOBODY.pw_gid}", "--init-groups"]
    tried = [*become, "/bin/sh", "-c", 'exec "$0" -c pass', sys.executable]
    return subprocess.run(tried, capture_output=True, timeout=30, check=False).returncode == 0


@pytest.fixture
def theirs(site):
    """A site of nobody's, in the places that nobody's hotclub uses by itself."""
    if not _nobody_may_run_python():
        pytest.skip(f"{sys.executable} is out of another user's reach")
    made = site(files(program("web")))
    made.folder.chmod(0o755)
    for path in (made.folder, made.root, *made.root.iterdir()):
        os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid)
    for name in ("HOTCLUB_RUN_DIR", "HOTCLUB_LOG_DIR", "XDG_RUNTIME_DIR", "XDG_STATE_HOME"):
        made.env.pop(name, None)
    made.env["HOME"] = str(made.folder)
    yield made
    made.hotclub("down", code=None)


def _as_nobody(made, *words):
    become = ["setpriv", f"--reuid={NOBODY.pw_uid}", f"--regid={NOBODY.pw_gid}", "--init-groups"]
    return subprocess.run(
        [*become, COMMAND, *words],
        cwd=made.root,
        env=made.env,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_user_has_a_house_of_their_own_and_root_finds_it(theirs):
    done = _as_nobody(theirs, "up", "-d")
    assert done.returncode == 0, done.stderr
    status = theirs.status()
    run_dir = Path(status["places"]["run_dir"])
    assert run_dir.parent == Path(f"/tmp/hotclub-{NOBODY.pw_uid}")
    assert run_dir.parent.stat().st_mode & 0o777 == 0o700
    assert run_dir.stat().st_uid == NOBODY.pw_uid
    state = f"{theirs.folder}/.local/state/hotclub/{run_dir.name}/log"
    assert status["places"]["log_dir"] == (None if in_container(theirs.env) else state)
    assert _identity(status["keeper"]["pid"])[0] == NOBODY.pw_uid
    assert _identity(theirs.pid("web"))[0] == NOBODY.pw_uid
    assert theirs.hotclub("restart", "web").stdout == "✓ web running\n"
    theirs.hotclub("down")
    assert theirs.processes() == {}


def test_nobody_elses_daemon_is_reached_by_another_user(theirs):
    assert _as_nobody(theirs, "up", "-d").returncode == 0
    socket = theirs.status()["places"]["socket"]
    other = pwd.getpwnam("daemon")
    done = subprocess.run(
        ["setpriv", f"--reuid={other.pw_uid}", f"--regid={other.pw_gid}", "--clear-groups", "test", "-r", socket],
        check=False,
    )
    assert done.returncode != 0
