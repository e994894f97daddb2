"""kill -9 of the daemon → a new one has taken everything back and answers; the programs never notice.

No peer has this: when their supervisor is killed, the programs go with it or are orphans. So hotclub stands alone.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import time

import common
import peers


def status(peer: peers.Peer) -> dict[str, object]:
    done = subprocess.run([*peer.status_command(), "--json"], env=peer.env, capture_output=True, check=True)
    found: dict[str, object] = json.loads(done.stdout)
    return found


def once(peer: peers.Peer) -> float:
    """Milliseconds from the kill to the answer, the asking command included.

    Once in each house: after a second death within a minute the keeper pauses before it tries again.
    """
    before = status(peer)
    daemon = before["daemon"]
    assert isinstance(daemon, dict)
    begun = time.monotonic()
    os.kill(daemon["pid"], signal.SIGKILL)
    after = status(peer)
    took = (time.monotonic() - begun) * 1000
    assert pids(after) == pids(before), "a program was restarted"
    return took


def pids(answer: dict[str, object]) -> list[int]:
    processes = answer["processes"]
    assert isinstance(processes, list)
    return [each["pid"] for each in processes]


def measure(results: common.Results, chosen: list[type[peers.Peer]], options: argparse.Namespace) -> None:
    for count in (10, 100, 1000):
        label = f"{count} programs"
        results.row(label, "ms", "≤ 500")
        for _ in range(options.repeats if count < 1000 else 3):
            for kind in chosen:
                if kind is peers.Hotclub:
                    with peers.running(kind, count) as peer:
                        time.sleep(2)
                        results.add(label, peer.name, once(peer))


if __name__ == "__main__":
    common.main("takeover", "kill -9 of the daemon → all is taken back and answered for", measure, 9)
