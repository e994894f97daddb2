"""`kill -9` of the daemon at a random moment of each story: it ends as if nothing had happened.

Each story runs once undisturbed. Then it runs again and again with one death each, at a moment drawn from its seed
between the story's beginning and the time at which it was over. SABOTAGE_SALT=text draws fifty other moments.
"""

import os
import random
import re
import threading
import time
from dataclasses import dataclass

import pytest
from tests.sabotage.houses import check_facts, facts_of, kill_daemon, lives
from tests.sabotage.stories import FILES, STORIES

pytestmark = pytest.mark.timeout(45)

SALT = os.environ.get("SABOTAGE_SALT", "")
_UNDISTURBED: dict[str, "End"] = {}


@dataclass
class End:
    """What became of a story."""

    length: float
    outcome: list[str]
    states: dict[str, tuple[object, ...]]
    lives: dict[str, list[str]]


def state_of(status):
    keys = ("state", "wanted", "restarts", "status")
    return {each["id"]: tuple(each[key] for key in keys) for each in status["processes"]}


def settled(status):
    """Nothing is under way any more; what waits, waits for something that has failed."""
    return all(each["state"] not in ("STARTING", "STOPPING", "BACKOFF") for each in status["processes"])


def outcome_of(done, story):
    """What the command said, without what differs from run to run."""
    if not story.exact:
        return []
    lines = (re.sub(r"pid \d+", "pid", line) for line in done.stdout.splitlines())
    return sorted(line for line in lines if not line.startswith('{"names"'))


def births_at(status, story):
    """Of the processes that must not notice: pid, and birth on the clock."""
    now = time.monotonic()
    kept = [each for each in status["processes"] if each["program"] in story.untouched and each["id"] != "live:3"]
    return {each["id"]: (each["pid"], now - each["uptime"]) for each in kept}


def tell(site, wait_until, story, moment=None):
    """Run a story; with a `moment` the daemon dies then."""
    before = {}
    if story.before is not None:
        site.write("hotclub.toml", story.before)
        site.hotclub("up", "-d", code=None)
        wait_until(lambda: settled(site.status()), 10, "the story's beginning")
        before = births_at(site.status(), story)
    site.write("hotclub.toml", story.after)
    killer = threading.Timer(moment or 0, kill_daemon, [site])
    begun = time.monotonic()
    if moment is not None:
        killer.start()
    done = site.hotclub(*story.command, code=story.code)
    boots = 1
    if moment is not None:
        killer.join()
        boots = 2

    def over():
        status = site.status()
        return status if status["boot"] == boots and settled(status) else None

    status = wait_until(over, 10, "the story's end")
    length = time.monotonic() - begun
    facts = facts_of(site)
    check_facts(facts, {each["id"]: each["pid"] for each in status["processes"] if each["pid"] is not None})
    for process, (pid, born) in births_at(status, story).items():
        assert pid == before[process][0], f"{process} was born again"
        assert abs(born - before[process][1]) < 1.0
    return End(length, outcome_of(done, story), state_of(status), lives(facts))


def undisturbed(site, wait_until, story):
    if story.name not in _UNDISTURBED:
        _UNDISTURBED[story.name] = tell(site(FILES), wait_until, story)
    return _UNDISTURBED[story.name]


@pytest.mark.parametrize(
    ("story", "seed"),
    [pytest.param(story, seed, id=f"{story.name}-{seed}") for story in STORIES for seed in story.seeds],
)
def test_a_story_ends_as_without_a_death(story, seed, site, wait_until):
    expected = undisturbed(site, wait_until, story)
    moment = random.Random(f"{story.name} {seed}{SALT}").random() * expected.length
    print(f"{story.name} {seed}: the daemon dies after {moment:.3f} s of {expected.length:.3f} s")
    end = tell(site(FILES), wait_until, story, moment)
    assert end.states == expected.states
    assert end.lives == expected.lives
    assert end.outcome == expected.outcome


def test_there_are_fifty():
    assert sum(len(story.seeds) for story in STORIES) == 50
