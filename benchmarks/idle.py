"""100 programs that do nothing: what the supervisor does meanwhile. All peers are up at the same time."""

from __future__ import annotations

import argparse
import time
from contextlib import ExitStack

import common
import peers

CPU, WAKEUPS = "CPU in 30 s", "wake-ups in 30 s"
SPAN = 30.0


def measure(results: common.Results, chosen: list[type[peers.Peer]], options: argparse.Namespace) -> None:
    results.row(CPU, "ms", "0")
    results.row(WAKEUPS, "", "0")
    with ExitStack() as stack:
        up = [stack.enter_context(peers.running(kind, options.count)) for kind in chosen]
        time.sleep(options.settle)
        for _ in range(options.repeats):
            before = {peer: (pids := peer.pids(), common.cpu(pids), common.wakeups(pids)) for peer in up}
            begun = time.monotonic()
            time.sleep(options.span)
            share = SPAN / (time.monotonic() - begun)
            for peer, (pids, cpu, wakeups) in before.items():
                results.add(CPU, peer.name, (common.cpu(pids) - cpu) * 1000 * share)
                results.add(WAKEUPS, peer.name, (common.wakeups(pids) - wakeups) * share)


def extra(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--span", type=float, default=SPAN, help="seconds looked at (default: %(default)s)")
    parser.add_argument("--settle", type=float, default=10, help="seconds of rest before (default: %(default)s)")


if __name__ == "__main__":
    common.main("idle", "100 idle programs", measure, 5, extra)
