"""Births: by exec, as the daemon asks, or by adoption of what a zygote forked."""

from __future__ import annotations

import time

from hotclub.keeper.kin import TOKEN
from hotclub.keeper.table import Entry
from hotclub.posix import limits, spawn, tree, wait
from hotclub.wire import house


class Births:
    """Makes entries. `environment` is what every child starts from; `descriptors` the limit it gets back."""

    def __init__(self, environment: dict[str, str], descriptors: limits.Limits) -> None:
        self._environment = environment
        self._descriptors = descriptors

    def spawn(self, order: house.Spawn, fds: list[int], held: dict[str, int]) -> Entry:
        """Start the program.

        Raises posix.spawn.SpawnError.
        """
        pid = spawn.spawn(
            spawn.Birth(
                argv=order.argv,
                cwd=order.cwd,
                env=self._changed(order),
                stdin=_stream(order.stdin, fds, held),
                stdout=_stream(order.stdout, fds, held),
                stderr=_stream(order.stderr, fds, held),
                umask=order.umask,
                uid=order.uid,
                gid=order.gid,
                groups=order.groups,
            )
        )
        limits.set_descriptors(pid, self._descriptors)
        return Entry(order.token, pid, time.monotonic(), leave=order.leftovers == "leave")

    def adopt(self, order: house.Adopt, living: dict[int, Entry]) -> Entry:
        """Enter a process that somebody else forked and that is our child by now.

        Raises SpawnError, stage `adopt`, when it is not.
        """
        try:
            wait.ended(order.pid)
        except ChildProcessError:
            raise spawn.SpawnError("adopt", f"process {order.pid} is not a child of the keeper") from None
        if order.pid in living or tree.start_ticks(order.pid) != round(order.started):
            raise spawn.SpawnError("adopt", f"process {order.pid} is another one by now")
        return Entry(order.token, order.pid, time.monotonic(), leave=order.leftovers == "leave")

    def _changed(self, order: house.Spawn) -> dict[str, str]:
        environment = {**self._environment, TOKEN: order.token}
        for name, value in order.env.items():
            if value is None:
                environment.pop(name, None)
            else:
                environment[name] = value
        return environment


def _stream(wanted: str, fds: list[int], held: dict[str, int]) -> int | None:
    """The descriptor behind `null`, `inherit`, `fd:N` or `held:NAME`."""
    kind, _, which = wanted.partition(":")
    try:
        if kind == "fd":
            return fds[int(which)]
        if kind == "held":
            return held[which]
    except (IndexError, KeyError, ValueError):
        raise spawn.SpawnError("fork", f"no descriptor {wanted!r} came with the request") from None
    return None if kind == "inherit" else spawn.NULL
