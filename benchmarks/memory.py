"""Memory of the supervisor (keeper and daemon; helpers for logs too) while its programs rest, as PSS."""

from __future__ import annotations

import argparse
import time

import common
import peers

TARGETS = {10: "", 100: "≤ 35", 1000: "≤ 50"}


def measure(results: common.Results, chosen: list[type[peers.Peer]], options: argparse.Namespace) -> None:
    for count in options.counts:
        label = f"{count} programs"
        results.row(label, "MiB", TARGETS.get(count, ""))
        for _ in range(options.repeats if count < 1000 else 1):
            for kind in chosen:
                with peers.running(kind, count) as peer:
                    time.sleep(3)
                    results.add(label, peer.name, common.pss(peer.pids()))


def extra(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--counts", type=int, nargs="+", default=list(TARGETS), help="(default: %(default)s)")


if __name__ == "__main__":
    common.main("memory", "Memory of the supervisor", measure, 3, extra)
