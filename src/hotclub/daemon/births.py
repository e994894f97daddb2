"""From a program's declaration to the frame that starts one process of it.

Everything that may differ at each start is looked up here and now: env files, the user, the log pipes.
The keeper only does what the frame says.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hotclub.config import env_file
from hotclub.config.errors import ConfigError
from hotclub.model.spec import Program
from hotclub.posix import users
from hotclub.wire import house


class Unprepared(Exception):
    """A start failed before the keeper was asked; `stage` is `env_file` or `user`."""

    def __init__(self, stage: str, reason: str) -> None:
        super().__init__(f"{stage}: {reason}")
        self.stage, self.reason = stage, reason


@dataclass(frozen=True, slots=True)
class Preparation:
    """A frame ready to be sent: the message, its descriptors, and the read ends that stay with us by stream."""

    spawn: house.Spawn
    fds: tuple[int, ...]
    outputs: Mapping[str, int]

    def close_sent(self) -> None:
        """Close the write ends; the child has them now, and we must see end of file when it ends."""
        for fd in self.fds:
            if fd not in self.outputs.values():
                os.close(fd)


def hold_name(token: str, stream: str) -> str:
    """The name under which the keeper holds the read end of a birth's log pipe."""
    return f"log:{token}:{stream}"


def prepare(program: Program, process: str, token: str, record: bytes | None) -> Preparation:
    """The frame that starts `process` under `token`, with a log pipe for each of its streams.

    Raises Unprepared.
    """
    fields = common(program, process)
    streams = ("out", "err") if program.log.separate_stderr else ("out",)
    fds: list[int] = []
    outputs: dict[str, int] = {}
    hold: dict[str, int] = {}
    for stream in streams:
        read_end, write_end = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(read_end, False)
        outputs[stream] = read_end
        hold[hold_name(token, stream)] = len(fds)
        fds += [read_end, write_end]
    spawn = house.Spawn(
        token=token,
        stdout="fd:1",
        stderr="fd:3" if program.log.separate_stderr else "fd:1",
        hold=hold,
        key=process,
        record=record,
        **fields,
    )
    return Preparation(spawn, tuple(fds), outputs)


def common(program: Program, process: str) -> dict[str, Any]:
    """What a process of the program and its helpers (a probe) have in common."""
    uid, gid, groups, account = _identity(program)
    return {
        "argv": list(program.argv),
        "cwd": program.cwd,
        "env": environment(program, process, account),
        "umask": program.umask,
        "uid": uid,
        "gid": gid,
        "groups": groups,
    }


def environment(program: Program, process: str, account: Mapping[str, str]) -> dict[str, str | None]:
    """What is added to the keeper's environment: the account's, then env files in order, then `env`.

    Python holds back what it prints into a pipe, so PYTHONUNBUFFERED is set unless the program sets it.
    """
    env: dict[str, str | None] = {"PYTHONUNBUFFERED": os.environ.get("PYTHONUNBUFFERED", "1")}
    env.update(account)
    for path in program.env_file:
        try:
            env.update(env_file.read(path))
        except ConfigError as wrong:
            raise Unprepared("env_file", str(wrong)) from wrong
    env.update(program.env)
    env["HOTCLUB_PROCESS"] = process
    env["HOTCLUB_PROGRAM"] = program.name
    return env


def _identity(program: Program) -> tuple[int | None, int | None, list[int] | None, dict[str, str]]:
    if program.user is None and program.unix_group is None:
        return None, None, None, {}
    try:
        if program.user is None:
            return None, users.group_id(program.unix_group or ""), None, {}
        user = users.user(program.user, program.unix_group)
    except users.UserError as wrong:
        raise Unprepared("user", str(wrong)) from wrong
    account = {"HOME": user.home, "USER": user.name, "LOGNAME": user.name, "SHELL": user.shell}
    return user.uid, user.gid, list(user.groups), account
