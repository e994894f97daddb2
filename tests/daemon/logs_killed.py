"""Runs a log room in a child, kills it with -9 again and again under load, and says how many lines there were.

Arguments: folder, format, rounds, seed. This process stands for the keeper: it has the pipe and the tape.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time

from hotclub.daemon.logs import Logs
from hotclub.model.spec import Log, LogFormat


async def pump(pipe: int, tape: int, log: Log) -> None:
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def wrong(*what: object) -> None:
        raise AssertionError(what)

    logs = Logs(
        loop,
        hold=lambda *_: None,
        release=lambda _: None,
        on_trouble=wrong,
        on_recovery=wrong,
        console=None,
    )
    staging = None if log.format is LogFormat.RAW else tape
    logs.attach("web:1", "out", pipe, log, display="web:1", staging=staging, done=lambda: ended.set_result(None))
    await ended
    await logs.close()


def write(fd: int, read_end: int) -> None:
    """Numbered lines of all lengths, in blocks that end anywhere, until TERM; then says how many."""
    os.close(read_end)
    going = True

    def stop(*_: object) -> None:
        nonlocal going
        going = False

    signal.signal(signal.SIGTERM, stop)
    chance, number, block = random.Random(1), 0, b""
    while going:
        block += b"".join(b"%d %s\n" % (number + n, b"x" * chance.randrange(120)) for n in range(50))
        number += 50
        count = chance.randrange(1, len(block))
        block = block[os.write(fd, block[:count]) :]  # TERM may cut a write short
        time.sleep(0.0002)
    while block:
        block = block[os.write(fd, block) :]
    print(number, flush=True)


def fork(run) -> int:
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            run()
            status = 0
        finally:
            sys.stderr.flush()
            os._exit(status)
    return pid


def main() -> None:
    folder, format_, rounds, seed = sys.argv[1], LogFormat(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    log = Log(file=f"{folder}/web.log", format=format_, max_size=150_000, total=1 << 40)
    read, write_end = os.pipe()
    tape = os.memfd_create("stage")
    writer = fork(lambda: write(write_end, read))
    os.close(write_end)
    chance = random.Random(seed)
    for _ in range(rounds):
        child = fork(lambda: asyncio.run(pump(os.dup(read), os.dup(tape), log)))
        time.sleep(chance.uniform(0.001, 0.03))
        os.kill(child, signal.SIGKILL)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
    os.kill(writer, signal.SIGTERM)
    last = fork(lambda: asyncio.run(pump(os.dup(read), os.dup(tape), log)))
    os.close(read)
    assert os.waitpid(writer, 0)[1] == 0
    assert os.waitpid(last, 0)[1] == 0


if __name__ == "__main__":
    main()
