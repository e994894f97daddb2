"""Schedules on a real timerfd."""

import asyncio
import time
from typing import Any, cast

import msgspec
import pytest
from tests.daemon.simulation import program

from hotclub.daemon.schedules import Schedules
from hotclub.daemon.stored import SCHEDULES

pytestmark = pytest.mark.timeout(20)

EVERY_SECOND = "* * * * * *"
SELDOM = "0 0 1 1 *"


class Link:
    """Remembers what was left with the keeper."""

    def __init__(self):
        self.kept = []

    def send(self, message):
        assert message.key == SCHEDULES
        self.kept.append(msgspec.json.decode(message.record))


def run(main):
    async def with_schedules():
        fired: asyncio.Queue[tuple[str, float, int]] = asyncio.Queue()
        link, loop = Link(), asyncio.get_running_loop()
        schedules = Schedules(
            loop, cast("Any", link), lambda name, moment: fired.put_nowait((name, moment, len(link.kept)))
        )
        try:
            await main(schedules, fired, link)
        finally:
            schedules.close()

    asyncio.run(with_schedules())


def test_it_fires_at_its_moment_and_then_at_the_next():
    async def main(schedules, fired, link):
        schedules.arrange([program("tick", schedule=EVERY_SECOND), program("never", schedule=SELDOM), program("web")])
        assert schedules.next("web") is None
        first = schedules.next("tick")
        for moment in (first, first + 1):
            name, told, _ = await asyncio.wait_for(fired.get(), 5)
            assert (name, told) == ("tick", moment)
            assert 0 <= time.time() - moment < 1
        assert fired.empty()
        assert link.kept[-1] == {"tick": schedules.next("tick"), "never": schedules.next("never")}

    run(main)


def test_what_fell_due_while_nobody_was_there_is_fired_once():
    async def main(schedules, fired, link):
        due = time.time() - 3600
        schedules.arrange([program("job", schedule=SELDOM)], {"job": due, "gone": due})
        assert fired.get_nowait()[:2] == ("job", due)
        assert fired.empty()
        assert schedules.next("job") > time.time()
        assert link.kept[-1] == {"job": schedules.next("job")}

    run(main)


def test_a_moment_is_forgotten_only_after_it_was_fired():
    async def main(schedules, fired, link):
        due = time.time() - 1
        schedules.arrange([program("job", schedule=SELDOM)], {"job": due})
        _, _, kept_before = fired.get_nowait()
        assert all(kept["job"] == due for kept in link.kept[:kept_before])

    run(main)


def test_a_new_configuration_keeps_the_time_of_what_did_not_change():
    async def main(schedules, fired, link):
        soon = time.time() + 1000
        schedules.arrange([program("job", schedule=SELDOM), program("old", schedule=SELDOM)], {"job": soon})
        schedules.arrange([program("job", schedule=SELDOM), program("new", schedule="* * * * *")])
        assert schedules.next("job") == soon
        assert schedules.next("old") is None
        assert schedules.next("new") <= time.time() + 61
        schedules.arrange([program("job", schedule="* * * * *")])
        assert schedules.next("job") <= time.time() + 61

    run(main)


def test_without_schedules_there_is_no_timer():
    async def main(schedules, fired, link):
        schedules.arrange([program("web")])
        assert schedules._timer is None
        assert link.kept == []

    run(main)
