"""kill -9 of a program → its replacement is exec'ed and in main(). All peers are up at the same time."""

from __future__ import annotations

import argparse
import os
import signal
import time
from contextlib import ExitStack

import common
import peers

AGE = 2.0  # seconds a program has run before it is killed: everybody counts it as well started by then
PLAIN, USER = "as the supervisor's user", "with user = nobody"


def once(peer: peers.Peer) -> float:
    """Kills the oldest program; milliseconds until its successor runs."""
    victim = min((peer.reports.last[name] for name in peer.names), key=lambda report: report.at)
    time.sleep(max(victim.at + AGE - time.monotonic(), 0))
    begun = time.monotonic()
    os.kill(victim.pid, signal.SIGKILL)
    return (peer.reports.of([victim.name], 30)[victim.name].at - begun) * 1000


def measure(results: common.Results, chosen: list[type[peers.Peer]], options: argparse.Namespace) -> None:
    rows: list[tuple[str, str | None, str]] = [(PLAIN, None, "≤ 3, p90 ≤ 10")]
    if os.getuid() == 0:
        rows.append((USER, "nobody", "≤ 6"))
    for label, user, target in rows:
        results.row(label, "ms", target)
        with ExitStack() as stack:
            up = [stack.enter_context(peers.running(kind, options.count, user=user)) for kind in chosen]
            for _ in range(options.repeats):
                for peer in up:
                    results.add(label, peer.name, once(peer))


if __name__ == "__main__":
    common.main("respawn", "kill -9 → replacement exec'ed", measure, 30, count=10)
