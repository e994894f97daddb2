"""Births by fork and exec.

`subprocess.Popen` does the work: without `preexec_fn`, and with no change of user, it uses vfork(2), which stays
quick however large the parent is. Descriptors of this program are close-on-exec (PEP 446), so nothing has to be
closed in the child. A child has a session of its own and the signal dispositions a fresh program expects.

A failure names its stage: `fork` (no child could be made), `cwd` (its folder could not be entered), `user` (its
identity could not be taken), `exec` (its program could not be run). The child that failed is gone by then.
"""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

NULL = subprocess.DEVNULL
_IDENTITY_ERRORS = (errno.EPERM, errno.EINVAL, errno.EAGAIN)


class SpawnError(Exception):
    """A birth that failed, at `stage`, for `reason`."""

    def __init__(self, stage: str, reason: str) -> None:
        super().__init__(f"{stage}: {reason}")
        self.stage = stage
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Birth:
    """What to start. `stdin`, `stdout`, `stderr` are descriptors, NULL, or None for the parent's own.

    `env` is the whole environment; argv[0] without a slash is looked up in its PATH. `inherit` are further
    descriptors that the child gets under the same numbers.
    """

    argv: Sequence[str]
    cwd: str
    env: Mapping[str, str]
    stdin: int | None = NULL
    stdout: int | None = NULL
    stderr: int | None = NULL
    inherit: tuple[int, ...] = ()
    umask: int | None = None
    uid: int | None = None
    gid: int | None = None
    groups: Sequence[int] | None = field(default=None)


def spawn(birth: Birth) -> int:
    """The pid of the child, which has by now executed its program.

    Raises SpawnError.
    """
    for fd in birth.inherit:
        os.set_inheritable(fd, True)
    try:
        child = subprocess.Popen(
            birth.argv,
            cwd=birth.cwd,
            env=birth.env,
            stdin=birth.stdin,
            stdout=birth.stdout,
            stderr=birth.stderr,
            close_fds=False,
            start_new_session=True,
            umask=-1 if birth.umask is None else birth.umask,
            user=birth.uid,
            group=birth.gid,
            extra_groups=birth.groups,
        )
    except OSError as wrong:
        raise _explained(birth, wrong) from wrong
    except (ValueError, IndexError, subprocess.SubprocessError) as wrong:
        # A NUL byte in an argument, "=" in a variable's name, an empty argv, an id out of range.
        raise SpawnError("exec", str(wrong) or "nothing to execute") from wrong
    finally:
        for fd in birth.inherit:
            os.set_inheritable(fd, False)
    # Somebody else reaps it: told that it is over, Popen neither waits for it nor warns about it.
    child.returncode = 0
    return child.pid


def _explained(birth: Birth, wrong: OSError) -> SpawnError:
    """Which step of the child (or the fork itself) raised, judged by what Popen reports.

    Popen names the program for a failed exec, and the folder (newer versions: nothing) for all before it.
    """
    reason = os.strerror(wrong.errno) if wrong.errno else str(wrong)
    program = birth.argv[0]
    if wrong.filename is None and wrong.errno in {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE}:
        return SpawnError("fork", reason)
    if wrong.filename == program and program != birth.cwd:
        return SpawnError("exec", f"{program}: {_exec_reason(birth, wrong.errno, reason)}")
    identity = birth.uid is not None or birth.gid is not None or birth.groups is not None
    if identity and wrong.errno in _IDENTITY_ERRORS:
        return SpawnError("user", f"becoming uid {birth.uid}, gid {birth.gid}: {reason}")
    return SpawnError("cwd", f"{birth.cwd}: {reason}")


def _exec_reason(birth: Birth, code: int | None, reason: str) -> str:
    program = birth.argv[0]
    if code == errno.ENOENT:
        if "/" not in program:
            return f"no such command in PATH={birth.env.get('PATH', os.defpath)}"
        if os.path.exists(os.path.join(birth.cwd, program)):
            return "it exists, but the interpreter in its first line (or its loader) does not"
    if code == errno.ENOEXEC:
        return "not a program this system can run (a script needs a first line like #!/bin/sh)"
    return reason
