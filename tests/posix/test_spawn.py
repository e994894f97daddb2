"""Births by the kernel's own rules: identity, folder, streams, sessions, and failures by stage."""

import gc
import os
import pwd
import signal

import pytest

from hotclub.posix import limits, spawn, users, wait

pytestmark = pytest.mark.timeout(30)
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")


def run(*argv, env=None, **more):
    """Output and status of a program."""
    reading, writing = os.pipe()
    try:
        pid = spawn.spawn(
            spawn.Birth(argv=argv, cwd=more.pop("cwd", "/"), env=env or dict(os.environ), stdout=writing, **more)
        )
    finally:
        os.close(writing)
    with open(reading) as output:
        text = output.read()
    return text, wait.reap(pid)


def failure(**changes):
    with pytest.raises(spawn.SpawnError) as caught:
        spawn.spawn(spawn.Birth(**{"argv": ["true"], "cwd": "/", "env": dict(os.environ), **changes}))
    return caught.value


def test_status_is_a_code_or_minus_a_signal():
    assert run("sh", "-c", "exit 3") == ("", 3)
    assert run("sh", "-c", "kill -9 $$") == ("", -9)


def test_folder_environment_umask_and_session(tmp_path):
    script = "pwd; echo $A; umask; ps -o sid= -p $$; echo $$"
    text, _ = run(
        "sh",
        "-c",
        script,
        cwd=str(tmp_path),
        env={"A": "b", "PATH": os.defpath},
        umask=0o027,
    )
    folder, variable, umask, session, pid = text.split()
    assert (folder, variable, umask) == (str(tmp_path), "b", "0027")
    assert session == pid


def test_the_command_is_looked_up_in_its_own_path(tmp_path):
    script = tmp_path / "greet"
    script.write_text("#!/bin/sh\necho hello\n")
    script.chmod(0o755)
    assert run("greet", env={"PATH": str(tmp_path)})[0] == "hello\n"


def test_ignored_signals_are_default_again():
    text, _ = run("sh", "-c", "grep SigIgn /proc/$$/status")
    assert not int(text.split()[1], 16) & (1 << (signal.SIGPIPE - 1))


def test_inherited_descriptors_have_their_number_and_only_there():
    reading, writing = os.pipe()
    assert run("sh", "-c", f"echo given > /proc/self/fd/{writing}", inherit=(writing,))[1] == 0
    assert os.read(reading, 100) == b"given\n"
    assert not os.get_inheritable(writing)
    assert run("sh", "-c", f"echo given > /proc/self/fd/{writing}", stderr=spawn.NULL)[1] != 0
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize(
    ("stage", "reason", "changes"),
    [
        ("cwd", "/nowhere: No such file", {"cwd": "/nowhere"}),
        ("cwd", "/etc/passwd: Not a directory", {"cwd": "/etc/passwd"}),
        ("exec", "no such command in PATH=/nowhere", {"argv": ["ls"], "env": {"PATH": "/nowhere"}}),
        ("exec", "/etc: Permission denied", {"argv": ["/etc"]}),
        ("exec", "null byte", {"argv": ["a\0"]}),
        ("exec", "illegal environment", {"env": {"A=B": "c"}}),
        ("exec", "", {"argv": []}),
    ],
)
def test_failures_have_a_stage_and_a_reason(stage, reason, changes):
    failed = failure(**changes)
    assert failed.stage == stage
    assert reason in failed.reason


def test_scripts_that_cannot_run_say_why(tmp_path):
    nowhere, nothing = tmp_path / "nowhere", tmp_path / "nothing"
    nowhere.write_text("#!/no/such/interpreter\n")
    nothing.write_text("just text\n")
    for script in (nowhere, nothing):
        script.chmod(0o755)
    assert "interpreter in its first line" in failure(argv=[str(nowhere)]).reason
    assert "first line like #!/bin/sh" in failure(argv=[str(nothing)]).reason


@root_only
def test_becoming_a_user():
    nobody = users.user("nobody")
    text, _ = run("sh", "-c", "id -u; id -g; id -G", uid=nobody.uid, gid=nobody.gid, groups=nobody.groups)
    uid, gid, groups = text.splitlines()
    assert (int(uid), int(gid)) == (nobody.uid, nobody.gid)
    assert {int(group) for group in groups.split()} == set(nobody.groups)


@root_only
def test_becoming_a_user_needs_the_right():
    """Asked by somebody who may not: the stage is `user`. Tried in a child that has given up root."""
    pid = os.fork()
    if pid == 0:
        os.setgid(65534)
        os.setuid(65534)
        try:
            spawn.spawn(spawn.Birth(argv=["true"], cwd="/", env={"PATH": os.defpath}, uid=0))
        except spawn.SpawnError as failed:
            os._exit(0 if failed.stage == "user" and "uid 0" in failed.reason else 1)
        os._exit(2)
    assert wait.reap(pid) == 0


def test_nobody_else_waits_for_the_child():
    """Popen is told that it is over: it neither reaps nor warns when it is collected."""
    pid = spawn.spawn(spawn.Birth(argv=["true"], cwd="/", env=dict(os.environ)))
    while not wait.ended(pid):
        pass
    gc.collect()
    spawn.spawn(spawn.Birth(argv=["true"], cwd="/", env=dict(os.environ)))
    assert wait.reap(pid) == 0
    assert wait.reap(wait_for_any()) == 0


def wait_for_any():
    while (pid := wait.peek()) is None:
        pass
    assert wait.peek() == pid
    return pid


def test_peek_without_children():
    pid = os.fork()
    if pid == 0:
        try:
            wait.peek()
        except ChildProcessError:
            os._exit(0)
        os._exit(1)
    assert wait.reap(pid) == 0


def test_a_limit_is_given_back():
    pid = os.fork()
    if pid == 0:
        before = limits.raise_descriptors()
        text, _ = run("sh", "-c", "read line; ulimit -n", stdin=os.open("/dev/null", os.O_RDONLY))
        limits.set_descriptors(os.getpid(), before)
        os._exit(0 if limits.raise_descriptors() == before and text else 1)
    assert wait.reap(pid) == 0


def test_users_by_name_and_number():
    entry = pwd.getpwuid(0)
    assert users.user("root") == users.user("0")
    assert users.user("root").home == entry.pw_dir
    assert users.user("root", "root").gid == 0
    assert users.may_become(users.user(users.own()))
    for name in ("no-such-user", "123456789"):
        with pytest.raises(users.UserError, match="no user"):
            users.user(name)
    with pytest.raises(users.UserError, match="no group"):
        users.user("root", "no-such-group")
