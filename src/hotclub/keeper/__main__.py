"""`python -m hotclub.keeper`: executed by `hotclub up`, which hands over the lock and the API's socket.

    python -m hotclub.keeper --run-dir DIR --lock-fd N --hold NAME=FD … [--detached] [--name NAME]
        [--cgroup DIR | --no-cgroup] [--patience SECONDS] -- DAEMON-COMMAND …

HOTCLUB_HOUSE is in its environment. It is not meant to be typed, so what it says about its arguments is short.
"""

from __future__ import annotations

import gc
import os
import sys
from dataclasses import dataclass, field

USAGE = "usage: python -m hotclub.keeper --run-dir DIR --lock-fd N --hold NAME=FD … -- DAEMON-COMMAND …"


@dataclass(slots=True)
class Arguments:
    run_dir: str = ""
    lock_fd: int | None = None
    held: dict[str, int] = field(default_factory=dict)
    name: str = ""
    detached: bool = False
    cgroup: str | None = None
    use_cgroup: bool = True
    patience: float = 10.0
    command: list[str] = field(default_factory=list)


def parse(words: list[str]) -> Arguments:
    """The arguments; by hand, because argparse would stay in the keeper's memory for good.

    Raises ValueError.
    """
    found = Arguments()
    rest = iter(words)
    for word in rest:
        match word:
            case "--":
                found.command = list(rest)
            case "--detached":
                found.detached = True
            case "--no-cgroup":
                found.use_cgroup = False
            case "--run-dir" | "--lock-fd" | "--hold" | "--name" | "--cgroup" | "--patience":
                _set(found, word, next(rest, ""))
            case _:
                raise ValueError(f"{word} is not known")
    if not found.command or not found.run_dir:
        raise ValueError("--run-dir and a daemon's command are needed")
    found.name = found.name or os.path.basename(found.run_dir)
    return found


def _set(found: Arguments, option: str, value: str) -> None:
    match option:
        case "--run-dir":
            found.run_dir = os.path.abspath(value)
        case "--lock-fd":
            found.lock_fd = int(value)
        case "--hold":
            name, _, fd = value.rpartition("=")
            found.held[name] = int(fd)
        case "--name":
            found.name = value
        case "--cgroup":
            found.cgroup = value
        case "--patience":
            found.patience = float(value)


def main() -> int:
    if sys.platform != "linux":
        print("hotclub needs Linux: its keeper relies on pidfds and subreapers.", file=sys.stderr)
        return 2
    try:
        arguments = parse(sys.argv[1:])
        house = os.environ["HOTCLUB_HOUSE"]
    except (ValueError, KeyError) as wrong:
        print(f"hotclub keeper: {wrong}\n{USAGE}\nStart a house with `hotclub up`.", file=sys.stderr)
        return 2
    return _keep(arguments, house)


def _keep(arguments: Arguments, house: str) -> int:
    from hotclub.keeper import daemon, groups, kin, loop
    from hotclub.posix import cgroup, limits, subreaper

    limits.keep_descriptors()
    _title(f"hotclub keeper {arguments.name}")
    subreaper.become_subreaper()
    command = daemon.Command(
        argv=arguments.command,
        environment={name: value for name, value in os.environ.items() if name != kin.TOKEN},
        errors=os.path.join(arguments.run_dir, "daemon.err"),
        house=house,
        descriptors=limits.raise_descriptors(),
        patience=arguments.patience,
    )
    place = (arguments.cgroup or cgroup.place()) if arguments.use_cgroup else None
    keeper = loop.Keeper(command, groups.Groups(place, house), arguments.held, detached=arguments.detached)
    gc.collect()
    gc.freeze()
    code = keeper.run()
    try:
        os.unlink(os.path.join(arguments.run_dir, "api.sock"))  # while the lock is still ours
    except OSError:
        pass
    return code


def _title(text: str) -> None:
    """What ps shows. The title may take the place of the arguments only: by the environment after them we are found."""
    os.environ["SPT_NOENV"] = "1"
    try:
        import setproctitle
    except ImportError:
        return
    else:
        setproctitle.setproctitle(text)
    finally:
        del os.environ["SPT_NOENV"]


if __name__ == "__main__":
    sys.exit(main())
