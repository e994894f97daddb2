"""From the start of the supervisor until all programs, their output captured, are in main()."""

from __future__ import annotations

import argparse

import common
import peers

TARGETS = {10: "≤ 0.2", 100: "≤ 0.35", 1000: "≤ 2.5"}


def measure(results: common.Results, chosen: list[type[peers.Peer]], options: argparse.Namespace) -> None:
    for count in options.counts:
        label = f"{count} programs"
        results.row(label, "s", TARGETS.get(count, ""))
        # A thousand take some peers ten seconds and more: a third of the repeats must do.
        for _ in range(options.repeats if count < 1000 else max(options.repeats // 3, 1)):
            for kind in chosen:
                with peers.running(kind, count, launch=False) as peer:
                    begun = peer.launch()
                    last = max(report.at for report in peer.reports.of(peer.names, 180).values())
                    results.add(label, peer.name, last - begun)


def extra(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--counts", type=int, nargs="+", default=list(TARGETS), help="(default: %(default)s)")


if __name__ == "__main__":
    common.main("start", "Start until all programs run", measure, 9, extra)
