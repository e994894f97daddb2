"""Output captured into rotated files: 1 GiB from one program, 20 MB from each of 50 at once."""

from __future__ import annotations

import argparse
import os
import signal
import time

import common
import limit
import peers

CASES = ((1, 1 << 30, "1 GiB from one"), (50, 20_000_000, "50 × 20 MB"))


def pour(peer: peers.Peer, size: int) -> tuple[float, float]:
    """All programs write `size` bytes each; returns MB/s and the supervisor's CPU seconds per GB."""
    time.sleep(2)
    pids = peer.pids()
    before = common.cpu(pids)
    writers = [peer.reports.last[name].pid for name in peer.names]
    begun = time.monotonic()
    for pid in writers:
        os.kill(pid, signal.SIGUSR1)
    done = peer.reports.of([f"{name}.written" for name in peer.names], 900)
    total = size * len(writers)
    took = max(report.at for report in done.values()) - begun
    time.sleep(1)  # what was still in the pipes is written, and counts
    return total / took / 1e6, (common.cpu(pids) - before) / (total / 1e9)


def measure(results: common.Results, chosen: list[type[peers.Peer]], options: argparse.Namespace) -> None:
    for count, size, label in CASES:
        scaled = size // options.divide
        results.row(f"{label}: speed", "MB/s", "≥ 1000")
        results.row(f"{label}: CPU", "s per GB", "≤ 0.5")
        for _ in range(options.repeats):
            if count == 1:
                speed, cpu = limit.splice(scaled, peers.MAX_SIZE, peers.KEPT)
                results.add(f"{label}: speed", "limit", speed)
                results.add(f"{label}: CPU", "limit", cpu)
            for kind in chosen:
                with peers.running(kind, count, str(scaled)) as peer:
                    speed, cpu = pour(peer, scaled)
                    results.add(f"{label}: speed", peer.name, speed)
                    results.add(f"{label}: CPU", peer.name, cpu)


def extra(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--divide", type=int, default=1, help="write less, for a quick look (default: %(default)s)")


if __name__ == "__main__":
    common.main("logs", "Captured output", measure, 5, extra)
