"""Where a site's configuration is, and where its socket, lock and logs are.

A site's identity is the *logical* path of the folder of its configuration: symlinks are kept, so a deployment that
switches a `current` link stays the same site. The places follow from that path alone and never from what the file
says: a file with a mistake in it must not hide a running daemon.

Only cheap modules of the standard library are imported here, because every command starts with this one.
"""

from __future__ import annotations

import os
import stat
from binascii import crc32
from typing import TYPE_CHECKING, NamedTuple

from hotclub.config.errors import ConfigError, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NAMES = ("hotclub.toml", "pyproject.toml", "Procfile")
SOCKET_LIMIT = 107  # bytes that fit into sockaddr_un
_NAME_LIMIT = 32
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")


class Places(NamedTuple):
    """All paths of one site. Nothing is created by computing them."""

    name: str
    root: str  #: logical folder of the configuration
    file: str
    run_dir: str
    socket: str
    lock: str
    daemon_err: str
    log_dir: str | None  #: None: no files, stdout alone


def locate(
    file: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    uid: int | None = None,
    control: bool = False,
) -> Places:
    """The places of the site that `file` names, or that is found from the present folder upwards.

    With `control`, for verbs that talk to a running daemon: as root, when root itself runs none, the daemon of the
    owner of the configuration file is looked for as well, and a site that runs is found although its file is gone.
    Raises ConfigError.
    """
    environ = os.environ if environ is None else environ
    uid = os.getuid() if uid is None else uid
    try:
        found = find(file, environ=environ, uid=uid)
    except ConfigError:
        running = _without_file(file, environ=environ, uid=uid) if control else None
        if running is None:
            raise
        return running
    mine = compute(found, environ=environ, uid=uid)
    if control and uid == 0 and not environ.get("HOTCLUB_RUN_DIR") and not os.path.exists(mine.lock):
        owner = os.stat(found).st_uid
        theirs = compute(found, environ={}, uid=owner) if owner else mine
        if os.path.exists(theirs.lock) and _is_own_folder(theirs.run_dir, owner):
            return theirs
    return mine


def _without_file(file: str | None, *, environ: Mapping[str, str], uid: int) -> Places | None:
    """The places of a site that was started from a file which is there no more, if its lock is."""
    here = logical_folder(environ)
    if file is None:
        gone = [os.path.join(folder, NAMES[0]) for folder in _upwards(here)]
    else:
        path = os.path.normpath(os.path.join(here, file))
        gone = [os.path.join(path, NAMES[0]) if os.path.isdir(path) else path]
    places = (compute(each, environ=environ, uid=uid) for each in gone)
    return next((each for each in places if os.path.exists(each.lock)), None)


# --- the file ---------------------------------------------------------------------------------------------------


def find(file: str | None, *, environ: Mapping[str, str], uid: int) -> str:
    """Logical path of the configuration: `file` (or what lies in it, for a folder), else the nearest one upwards."""
    if file is not None:
        return _named(_logical(logical_folder(environ), file) if not os.path.isabs(file) else os.path.normpath(file))
    here = logical_folder(environ)
    for folder in _upwards(here):
        found = _in_folder(folder)
        if found is not None:
            _trust(found, folder, uid)
            return found
    raise refuse(
        here,
        "configuration",
        f"no {', '.join(NAMES[:-1])} (with [tool.hotclub]) or {NAMES[-1]} here or in a folder above",
        "create hotclub.toml with a [programs.NAME] table and a command in it, or name a file with -c FILE",
    )


def logical_folder(environ: Mapping[str, str]) -> str:
    """The present folder as the shell names it: $PWD when that is the same folder, so that symlinks are kept."""
    try:
        physical = os.getcwd()
    except FileNotFoundError:
        folder = environ.get("PWD", ".")
        raise refuse(folder, "present folder", "it does not exist any more", "change to a folder that does") from None
    pwd = environ.get("PWD", "")
    return os.path.normpath(pwd) if os.path.isabs(pwd) and _same(os.path.normpath(pwd), physical) else physical


def _logical(here: str, file: str) -> str:
    """`file` made absolute with symlinks kept; where `..` and a symlink disagree, the kernel's reading wins."""
    path = os.path.normpath(os.path.join(here, file))
    if not os.path.exists(file) or _same(path, file):
        return path
    folder, name = os.path.split(os.path.abspath(file))
    return os.path.join(os.path.realpath(folder), name)


def _named(path: str) -> str:
    if os.path.isdir(path):
        found = _in_folder(path)
        if found is not None:
            return found
        raise refuse(path, "configuration", f"this folder has no {' or '.join(NAMES)}", "name another with -c FILE")
    if not os.path.exists(path):
        raise refuse(path, "configuration", "there is no such file", "name an existing one with -c FILE")
    return path


def _in_folder(folder: str) -> str | None:
    for name in NAMES:
        path = os.path.join(folder, name)
        if os.path.isfile(path) and (name != "pyproject.toml" or _has_our_table(path)):
            return path
    return None


def _has_our_table(path: str) -> bool:
    """Whether a pyproject.toml speaks of us, without the cost of a TOML parser."""
    try:
        with open(path, "rb") as lines:
            return any(line.lstrip().startswith((b"[tool.hotclub]", b"[tool.hotclub.")) for line in lines)
    except OSError:
        return False


def _trust(path: str, folder: str, uid: int) -> None:
    """Refuse a file that somebody left in a folder such as /tmp for us to find and run."""
    if not os.stat(folder).st_mode & stat.S_IWOTH:
        return
    owner = os.stat(path).st_uid
    if owner not in {0, uid}:
        raise refuse(
            path,
            "configuration",
            f"it belongs to another user (uid {owner}) and lies in a folder that everyone may write to",
            f"if you trust it, name it: -c {path}",
        )


def _upwards(folder: str) -> Iterator[str]:
    yield folder
    while (parent := os.path.dirname(folder)) != folder:
        folder = parent
        yield folder


def _same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


# --- the places -------------------------------------------------------------------------------------------------


def compute(file: str, *, environ: Mapping[str, str], uid: int) -> Places:
    """The places that belong to the configuration `file` (a logical path) for this user."""
    root = os.path.dirname(file)
    name = sanitise(os.path.basename(root))
    run_dir = _run_dir(f"{name}-{crc32(os.fsencode(root)):08x}", environ, uid)
    socket = os.path.join(run_dir, "api.sock")
    if len(os.fsencode(socket)) > SOCKET_LIMIT:
        size = len(os.fsencode(socket))
        raise refuse(
            file,
            "run folder",
            f"the path of its socket, {socket}, has {size} bytes, and a Unix socket's may have {SOCKET_LIMIT}",
            "set HOTCLUB_RUN_DIR to a shorter path",
        )
    return Places(
        name=name,
        root=root,
        file=file,
        run_dir=run_dir,
        socket=socket,
        lock=os.path.join(run_dir, "lock"),
        daemon_err=os.path.join(run_dir, "daemon.err"),
        log_dir=_log_dir(name, run_dir, environ, uid),
    )


def sanitise(name: str) -> str:
    """`name` with only characters that are safe in file names."""
    safe = "".join(character if character in _NAME_CHARACTERS else "-" for character in name)
    return safe[:_NAME_LIMIT].strip("-.") or "site"


def _run_dir(identity: str, environ: Mapping[str, str], uid: int) -> str:
    given = environ.get("HOTCLUB_RUN_DIR")
    if given:
        return os.path.abspath(given)
    candidates = [os.path.join(base, identity) for base in _run_bases(environ, uid)]
    fitting = [each for each in candidates if len(os.fsencode(each)) + len("/api.sock") <= SOCKET_LIMIT]
    # A cron job or `sudo -u` has no XDG_RUNTIME_DIR: it must still find the daemon of the user's session.
    running = [each for each in fitting if os.path.exists(os.path.join(each, "lock")) and _is_own_folder(each, uid)]
    return (running or fitting)[0]


def _run_bases(environ: Mapping[str, str], uid: int) -> list[str]:
    if uid == 0:
        return ["/run/hotclub"]
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    bases = []
    if os.path.isabs(runtime) and _is_own_folder(runtime, uid):  # `su` may leave another user's behind
        bases.append(os.path.join(runtime, "hotclub"))
    bases.append(f"/tmp/hotclub-{uid}")  # noqa: S108  (owner and mode are verified before use)
    if f"/run/user/{uid}/hotclub" not in bases:
        bases.append(f"/run/user/{uid}/hotclub")
    return bases


def _log_dir(name: str, run_dir: str, environ: Mapping[str, str], uid: int) -> str | None:
    given = environ.get("HOTCLUB_LOG_DIR")
    if given:
        return os.path.abspath(given)
    if in_container(environ) or under_journal(environ):
        return None
    if uid == 0:
        return f"/var/log/hotclub/{name}"
    state = environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(state):
        home = environ.get("HOME") or _home(uid)
        state = os.path.join(home, ".local/state") if home else ""
    if not state:
        return os.path.join(run_dir, "log")
    return os.path.join(state, "hotclub", os.path.basename(run_dir), "log")


def _home(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_dir
    except KeyError:
        return ""


def in_container(environ: Mapping[str, str], base: str = "/") -> bool:
    """Whether this machine is a container: by its marker files, or by what pid 1 says of itself."""
    if environ.get("container"):
        return True
    if any(os.path.exists(os.path.join(base, marker)) for marker in ("run/.containerenv", ".dockerenv")):
        return True
    if any(entry.startswith(b"container=") for entry in _read(os.path.join(base, "proc/1/environ")).split(b"\0")):
        return True
    groups = _read(os.path.join(base, "proc/1/cgroup"))
    return any(word in groups for word in (b"docker", b"kubepods", b"containerd", b"libpod", b"/lxc"))


def under_journal(environ: Mapping[str, str], descriptors: tuple[int, ...] = (1, 2)) -> bool:
    """Whether our output goes to the journal: systemd names the stream's device and inode."""
    stream = environ.get("JOURNAL_STREAM")
    if not stream:
        return False
    for descriptor in descriptors:
        try:
            status = os.fstat(descriptor)
        except OSError:
            continue
        if stream == f"{status.st_dev}:{status.st_ino}":
            return True
    return False


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


# --- making them ------------------------------------------------------------------------------------------------


def make_run_dir(places: Places, *, uid: int | None = None) -> None:
    """Create the run folder, 0700 and ours, or find it so. Raises ConfigError."""
    uid = os.getuid() if uid is None else uid
    parent, name = os.path.split(places.run_dir)
    derived = name == f"{places.name}-{crc32(os.fsencode(places.root)):08x}"
    try:
        if derived:
            _own(parent, places.file, uid)
        else:
            os.makedirs(parent, exist_ok=True)
        _own(places.run_dir, places.file, uid)
    except OSError as error:
        raise refuse(
            places.file,
            "run folder",
            f"{places.run_dir} cannot be created: {error.strerror} ({error.filename})",
            "set HOTCLUB_RUN_DIR to a folder that you may write to",
        ) from None


def make_log_dir(folder: str, *, file: str) -> None:
    """Create a log folder with its parents, 0750 as far as they are new. Raises ConfigError."""
    missing = [each for each in _upwards(folder) if not os.path.isdir(each)]
    try:
        for each in reversed(missing):
            os.mkdir(each, 0o750)
    except FileExistsError:
        if not os.path.isdir(folder):
            raise refuse(file, "log folder", f"{each} exists and is no folder", "choose another [log] dir") from None
    except OSError as error:
        raise refuse(
            file,
            "log folder",
            f"{folder} cannot be created: {error.strerror} ({error.filename})",
            "set [log] dir or HOTCLUB_LOG_DIR to a folder that you may write to",
        ) from None


def _own(folder: str, file: str, uid: int) -> None:
    """Make `folder` if it is missing; refuse one that somebody else owns, may write to, or has linked elsewhere."""
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        pass
    status = os.lstat(folder)
    if not stat.S_ISDIR(status.st_mode):
        reason, cure = f"{folder} is not a folder (a link?)", f"remove it: rm {folder}"
    elif status.st_uid != uid:
        reason = f"{folder} belongs to uid {status.st_uid}, not to uid {uid}"
        cure = "set HOTCLUB_RUN_DIR to a folder of your own"
    elif status.st_mode & 0o022:
        reason = f"others may write to {folder} (mode {stat.S_IMODE(status.st_mode):04o})"
        cure = f"run: chmod 700 {folder}"
    else:
        return
    raise refuse(file, "run folder", reason, cure)


def _is_own_folder(folder: str, uid: int) -> bool:
    try:
        status = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == uid
