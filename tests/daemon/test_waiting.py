"""Who waits for whom, and what becomes of a command."""

import dataclasses
from typing import Any, cast

import pytest
from tests.daemon.simulation import program, task

from hotclub.daemon.outcomes import PATIENCE, of_start, of_stop
from hotclub.daemon.waiting import Waiting
from hotclub.model import events
from hotclub.model.record import AT_REST, Record, State


class Runner:
    """As much of one as waiting looks at."""

    def __init__(self, program, state=State.DOWN, *, wanted=True):
        self.process = f"{program.name}:1"
        self.program = program
        self.record = Record(self.process, wanted=wanted, state=state)
        self.heard = []

    def handle(self, event):
        self.heard.append(event)

    def become(self, state, **changes):
        self.record = dataclasses.replace(self.record, state=state, **changes)


@pytest.fixture
def house():
    db, job, web = Runner(program("db")), Runner(task("job")), Runner(program("web", after=("db", "job")))
    web.become(State.WAITING)
    runners = {each.process: each for each in (db, job, web)}
    programs = {each.program.name: each.program for each in runners.values()}
    return Waiting(cast("Any", runners), programs.get), db, job, web


def test_it_goes_on_when_the_last_is_there(house):
    waiting, db, job, web = house
    waiting.ask(web)
    assert waiting.missing(web.program) == ["db (not ready)", "job (not finished)"]
    db.become(State.UP)
    waiting.changed(db)
    job.become(State.UP)  # a task that runs has not finished
    waiting.changed(job)
    assert web.heard == []
    job.become(State.DONE)
    waiting.changed(job)
    assert web.heard == [events.Clear()]
    waiting.changed(job)
    assert web.heard == [events.Clear()], "it does not wait any more"


def test_who_was_stopped_meanwhile_waits_no_longer(house):
    waiting, db, job, web = house
    waiting.ask(web)
    web.become(State.DOWN)
    waiting.changed(web)
    db.become(State.UP)
    job.become(State.DONE)
    waiting.changed(db)
    waiting.changed(job)
    assert web.heard == []


def test_what_is_not_configured_is_not_waited_for(house):
    waiting, _db, _job, web = house
    web.program = program("web", after=("gone",))
    waiting.ask(web)
    assert web.heard == [events.Clear()]


def test_why_waiting_is_in_vain(house):
    waiting, db, job, web = house
    db.become(State.STARTING)
    job.become(State.UP)
    assert waiting.hopeless(web.program) is None
    job.become(State.GAVE_UP, reason="exited with status 2")
    assert waiting.hopeless(web.program) == "waits for job, which failed: exited with status 2"
    job.become(State.DONE)
    db.become(State.DOWN, wanted=False)
    assert waiting.hopeless(web.program) == "waits for db, which is stopped"


@pytest.mark.parametrize("state", State)
def test_every_state_has_a_verdict(state):
    record = Record("web:1", wanted=True, state=state, reason="because")
    assert (of_stop(record, ending=True) is not None) == (state in AT_REST)
    assert of_stop(record, ending=False) == ((True, "because") if state in AT_REST else (False, "started meanwhile"))
    unwanted = dataclasses.replace(record, wanted=False)
    assert (of_stop(unwanted, ending=False) is not None) == (state in AT_REST)
    service, job = (of_start(record, each, None) for each in (program("web"), task("web")))
    decided = {State.UP, State.DONE, State.GAVE_UP, State.DOWN}
    assert (service is not None) == (state in decided)
    assert (job is not None) == (state in decided - {State.UP})
    assert [each[0] for each in (service, job) if each] in ([], [True], [True, True], [False, False])


def test_a_start_that_fails_again_and_again_is_a_failure_though_it_goes_on():
    record = Record("web:1", wanted=True, state=State.BACKOFF, failures=PATIENCE - 1, reason="exited with status 1")
    assert of_start(record, program("web"), None) is None
    record = dataclasses.replace(record, failures=PATIENCE)
    assert of_start(record, program("web"), None) == (False, "exited with status 1")


def test_waiting_in_vain_is_a_failure():
    record = Record("web:1", wanted=True, state=State.WAITING)
    assert of_start(record, program("web"), "in vain") == (False, "in vain")
