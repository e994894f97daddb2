"""What only the machine can tell: whether users, folders, commands and env files are there.

`load` says that a file makes sense, `verify` that it can work here and now. Both together are `hotclub check`, and
`up` and `apply` ask them before they touch anything.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping

from hotclub.config import env_file
from hotclub.config.errors import ConfigError, Problem
from hotclub.model.spec import Program, Site, Where
from hotclub.posix import users


def verify(
    site: Site,
    *,
    environ: Mapping[str, str] | None = None,
    uid: int | None = None,
    gids: Iterable[int] | None = None,
) -> tuple[Problem, ...]:
    """Everything that this machine lacks for the site, or forbids to this user."""
    environ = os.environ if environ is None else environ
    uid = os.geteuid() if uid is None else uid
    groups = frozenset({os.getegid(), *os.getgroups()} if gids is None else gids)
    found: list[Problem] = []
    for program in site.programs:
        found.extend(_user(program, uid))
        found.extend(_cwd(program))
        variables, problems = _environment(program, environ)
        found.extend(problems)
        if not problems:
            found.extend(_commands(program, variables.get("PATH", os.defpath)))
    found.extend(_log_folders(site, uid, groups))
    return tuple(dict.fromkeys(found))


def _user(program: Program, uid: int) -> Iterator[Problem]:
    if program.user is None and program.unix_group is None:
        return
    subject = f"programs.{program.name}.{'unix_group' if program.user is None else 'user'}"
    try:
        wanted = users.user(program.user or str(uid), program.unix_group)
    except users.UserError as error:
        create = "create it, or name one that exists"
        yield Problem(program.where, subject, str(error), create)
        return
    if uid != 0 and not (uid == os.geteuid() and users.may_become(wanted)):
        who = f"only root may start a program as {program.user or program.unix_group}, and this is {_user_name(uid)}"
        yield Problem(program.where, subject, who, "run hotclub as root, or remove this key")


def _cwd(program: Program) -> Iterator[Problem]:
    if not os.path.isdir(program.cwd):
        reason = (
            f"{program.cwd} is not a folder" if os.path.exists(program.cwd) else f"there is no folder {program.cwd}"
        )
        yield Problem(program.where, f"programs.{program.name}.cwd", reason, "create it, or correct cwd")


def _environment(program: Program, environ: Mapping[str, str]) -> tuple[dict[str, str], tuple[Problem, ...]]:
    """The variables the program will see, and what is wrong with its env files."""
    variables = dict(environ)
    problems: list[Problem] = []
    for path in program.env_file:
        if not os.path.exists(path):
            subject = f"programs.{program.name}.env_file"
            problems.append(
                Problem(program.where, subject, f"there is no file {path}", "create it, or correct env_file")
            )
            continue
        try:
            variables |= env_file.read(path)
        except ConfigError as error:
            problems.extend(error.problems)
    variables |= dict(program.env)
    return variables, tuple(problems)


# --- commands ---------------------------------------------------------------------------------------------------


def _commands(program: Program, path: str) -> Iterator[Problem]:
    for key, argv in (("command", program.argv), ("ready.exec", _probe(program))):
        reason = _cannot_run(argv[0], program.cwd, path) if argv else None
        if reason:
            next_step = "install it, or correct the command or the PATH"
            yield Problem(program.where, f"programs.{program.name}.{key}", reason, next_step)


def _probe(program: Program) -> tuple[str, ...]:
    return (program.ready.exec or ()) if program.ready else ()


def _cannot_run(command: str, cwd: str, path: str) -> str | None:
    """Why the command cannot be started, if so; a path with a slash is seen from the program's folder."""
    if "/" in command:
        full = os.path.join(cwd, command)
        if not os.path.exists(full):
            return f"there is no file {full}"
        return None if _executable(full) else f"{full} is not executable (mode {_mode(full)})"
    blocked = None
    for folder in path.split(os.pathsep):
        full = os.path.join(cwd, folder, command)
        if _executable(full):
            return None
        blocked = blocked or (full if os.path.isfile(full) else None)
    if blocked:
        return f"{blocked} is not executable (mode {_mode(blocked)})"
    return f'no "{command}" in PATH ({path})'


def _executable(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)


def _mode(path: str) -> str:
    return f"{stat.S_IMODE(os.stat(path).st_mode):04o}"


# --- log folders ------------------------------------------------------------------------------------------------


def _log_folders(site: Site, uid: int, gids: frozenset[int]) -> Iterator[Problem]:
    folders: dict[str, tuple[Where, str]] = {}
    if site.log_dir is not None:
        folders[site.log_dir] = (Where(site.file), "log folder")
    for program in site.programs:
        if program.log.file is not None and not os.path.exists(program.log.file):
            folder = os.path.dirname(program.log.file)
            folders.setdefault(folder, (program.where, f"programs.{program.name}.log_file"))
    for folder, (where, subject) in folders.items():
        reason = _cannot_write(folder, uid, gids)
        if reason:
            next_step = "change its owner or mode, or set [log] dir or HOTCLUB_LOG_DIR to another folder"
            yield Problem(where, subject, reason, next_step)


def _cannot_write(folder: str, uid: int, gids: frozenset[int]) -> str | None:
    """Why no file can be made in the folder, which may have to be made first; None when one can."""
    existing = folder
    while not os.path.lexists(existing) and existing != os.path.dirname(existing):
        existing = os.path.dirname(existing)
    if not os.path.isdir(existing):
        return f"{existing} is not a folder"
    status = os.stat(existing)
    if _allowed(status, uid, gids) and (uid != os.geteuid() or os.access(existing, os.W_OK | os.X_OK)):
        return None
    mode = f"{stat.S_IMODE(status.st_mode):04o}"
    purpose = "" if existing == folder else f" to make {folder}"
    owner = f"{_user_name(status.st_uid)}:{_group_name(status.st_gid)}"
    who = _user_name(uid)
    if _allowed(status, uid, gids):
        return f"{existing} cannot be written by {who}{purpose}: its file system is read-only or forbids it"
    return f"{existing} belongs to {owner} with mode {mode}, and {who} needs the rights w and x on it{purpose}"


def _allowed(status: os.stat_result, uid: int, gids: frozenset[int]) -> bool:
    """Whether the mode gives this user the rights to write and to enter."""
    if uid == 0:
        return True
    shift = 6 if status.st_uid == uid else 3 if status.st_gid in gids else 0
    return status.st_mode >> shift & 0o3 == 0o3


def _user_name(uid: int) -> str:
    try:
        return users.user(str(uid)).name
    except users.UserError:
        return f"uid {uid}"


def _group_name(gid: int) -> str:
    import grp

    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return f"gid {gid}"
