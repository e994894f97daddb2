"""TERM to the supervisor (HUP for runsvdir) → supervisor and programs are gone."""

from __future__ import annotations

import argparse
import time

import common
import peers

LABEL = "100 programs gone"


def measure(results: common.Results, chosen: list[type[peers.Peer]], options: argparse.Namespace) -> None:
    results.row(LABEL, "s", "≤ 0.2")
    for _ in range(options.repeats):
        for kind in chosen:
            with peers.running(kind, options.count) as peer:
                time.sleep(2.5)
                results.add(LABEL, peer.name, peer.kill_all())


if __name__ == "__main__":
    common.main("stop", "TERM → everything is gone", measure, 5)
