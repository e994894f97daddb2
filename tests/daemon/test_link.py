"""The daemon's end of the line, against a real SEQPACKET pair."""

import asyncio
import os
import select
import threading
from typing import Any

import pytest

from hotclub.daemon.link import KeeperLost, Link
from hotclub.wire import frames, house

pytestmark = pytest.mark.timeout(20)

WELCOME = house.Welcome(number=1, house="h", keeper=1, boot=1, cause="")


@pytest.fixture
def ends():
    ours, keepers = frames.pair()
    yield Link(ours), keepers
    ours.close()
    keepers.close()


def say(keepers, *messages):
    for message in messages:
        frames.send(keepers, house.encode(message))


def heard(keepers):
    found: list[Any] = []
    while True:
        try:
            frame = frames.receive(keepers)
        except BlockingIOError:
            return found
        if frame is None:
            return found
        found.append(house.decode(frame[0]))


def test_it_takes_over_what_there_is(ends):
    link, keepers = ends
    reading, writing = os.pipe()
    say(keepers, WELCOME)
    entry = house.Entry(number=2, token="a:1#1", pid=5, started=1.0)
    say(keepers, entry, house.Record(number=3, key="a:1", record=b"x" * 100_000))
    frames.send(keepers, house.encode(house.Held(number=4, names=["log:a:1#1:out", "api"])), [reading, writing])
    say(keepers, house.Settled(number=5))
    got = link.take_over()
    assert (got.welcome, got.entries, got.records) == (WELCOME, {"a:1#1": entry}, {"a:1": b"x" * 100_000})
    os.write(got.held["api"], b"through")
    assert os.read(got.held["log:a:1#1:out"], 10) == b"through"
    assert heard(keepers) == [house.Seen(number=5)]
    for fd in (reading, writing, *got.held.values()):
        os.close(fd)


@pytest.mark.parametrize("said", [(), (WELCOME,)])
def test_a_keeper_that_is_gone_before_it_has_said_all(ends, said):
    link, keepers = ends
    say(keepers, *said)
    keepers.close()
    with pytest.raises(KeeperLost):
        link.take_over()
    link.send(house.Seen(number=1))  # is dropped: nobody is there


def test_news_are_confirmed_once_per_batch_and_the_end_is_told(ends):
    link, keepers = ends
    got: list[Any] = []

    async def main():
        lost = asyncio.get_running_loop().create_future()
        say(keepers, *(house.Stray(number=n, pid=n, status=0) for n in range(1, 101)))
        link.start(asyncio.get_running_loop(), got.append, lambda: lost.set_result(None))
        while len(got) < 100:  # noqa: ASYNC110 - one turn of the loop at a time
            await asyncio.sleep(0)
        assert [message.number for message in got] == list(range(1, 101))
        seen = heard(keepers)
        assert seen[-1] == house.Seen(number=100)
        assert len(seen) == 2
        keepers.close()
        await asyncio.wait_for(lost, 5)

    asyncio.run(main())


def test_a_full_line_makes_the_sender_wait_and_loses_nothing(ends):
    link, keepers = ends
    count, size = 300, 50_000
    numbers: list[int] = []

    def read():
        poll = select.poll()
        poll.register(keepers, select.POLLIN)
        while len(numbers) < count:
            poll.poll(5000)
            numbers.extend(int(message.key) for message in heard(keepers))

    reader = threading.Timer(0.1, read)  # by then the line is full
    reader.start()
    for n in range(count):
        link.send(house.Put(key=str(n), record=b"y" * size))
    reader.join(10)
    assert numbers == list(range(count))
