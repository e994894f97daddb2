"""The machine, cell by cell, and then the cases a cell has inside."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.model.samples import program

from hotclub.model import facts
from hotclub.model.events import EVENTS
from hotclub.model.machine import (
    TABLE,
    TIMED,
    Ack,
    AskClear,
    Born,
    Clear,
    Effect,
    Event,
    Exited,
    Hurry,
    Kill,
    Probe,
    Ready,
    Record,
    Restart,
    Send,
    Signal,
    Spawn,
    Start,
    State,
    Stop,
    Tell,
    Timeout,
    Unborn,
    Unready,
    resume,
    shown,
    step,
    visible,
)
from hotclub.model.spec import Backoff, Kind, Program, Readiness
from hotclub.model.spec import Restart as Policy

TOKEN = "web:1#3"
NOW = 100.0
WEB = program()

# What each event does to a plain web process that was in each state for five seconds. A state stands for "goes
# there", a word of small letters for what else happens, `-` for nothing at all.
GRID = """
            DOWN     WAITING  SPAWNING STARTING UP       STOPPING KILLING  BACKOFF  DONE     GAVE_UP
Start       SPAWNING -        -        -        -        again    again    SPAWNING SPAWNING SPAWNING
Stop        -        DOWN     unwanted STOPPING STOPPING unwanted unwanted DOWN     unwanted unwanted
Restart     SPAWNING -        again    STOPPING STOPPING again    again    SPAWNING SPAWNING SPAWNING
Kill        -        DOWN     unwanted KILLING  KILLING  KILLING  unwanted DOWN     unwanted unwanted
Send        -        -        -        signal   signal   signal   signal   -        -        -
Clear       -        SPAWNING -        -        -        -        -        -        -        -
Born        -        -        STARTING -        -        -        -        -        -        -
Unborn      -        -        BACKOFF  -        -        -        -        -        -        -
Ready       -        -        -        UP       -        -        -        -        -        -
Unready     -        -        -        STOPPING -        -        -        -        -        -
Exited      ack      ack      BACKOFF  BACKOFF  BACKOFF  BACKOFF  BACKOFF  ack      ack      ack
Timeout     -        -        -        UP       -        KILLING  signal   SPAWNING -        -
Hurry       -        -        -        -        -        KILLING  signal   -        -        -
"""
HEAD, *ROWS = [line.split() for line in GRID.strip().splitlines()]
CELLS = [(row[0], state, cell) for row in ROWS for state, cell in zip(HEAD, row[1:], strict=True)]

EVENT: dict[str, Event] = {
    "Start": Start(),
    "Stop": Stop(),
    "Restart": Restart(),
    "Kill": Kill(),
    "Send": Send(10),
    "Clear": Clear(),
    "Born": Born(TOKEN, 42, NOW),
    "Unborn": Unborn(TOKEN, "exec", "no such file"),
    "Ready": Ready(TOKEN),
    "Unready": Unready(TOKEN, "refused"),
    "Exited": Exited(TOKEN, 1, NOW),
    "Timeout": Timeout(),
    "Hurry": Hurry(),
}


def record(state: State, **changes: Any) -> Record:
    alive = state in {State.STARTING, State.UP, State.STOPPING, State.KILLING}
    made = Record(
        "web:1",
        wanted=state is not State.DOWN,
        state=state,
        births=3,
        pid=42 if alive else None,
        born=NOW - 5 if alive else None,
        since=NOW - 5,
        deadline=NOW + 5 if state in TIMED else None,
    )
    return replace(made, **changes)


def frames(effects: tuple[Effect, ...]) -> list[Effect]:
    return [effect for effect in effects if isinstance(effect, Spawn | Signal | Ack)]


def told(effects: tuple[Effect, ...]) -> list[facts.Fact]:
    return [effect.fact for effect in effects if isinstance(effect, Tell)]


def test_every_cell_is_answered() -> None:
    assert set(TABLE) == set(State)
    assert all(set(row) == set(EVENTS) for row in TABLE.values())
    assert {(event, state) for event, state, _ in CELLS} == {(e.__name__, s.name) for e in EVENTS for s in State}


@pytest.mark.parametrize(("event", "state", "cell"), CELLS, ids=str)
def test_cell(event: str, state: str, cell: str) -> None:
    before = record(State[state])
    after, effects = step(before, EVENT[event], WEB, NOW)
    if cell == "-":
        assert (after, effects) == (before, ())
    elif cell == "ack":
        assert (after, effects) == (before, (Ack(TOKEN),))
    elif cell == "unwanted":
        assert (after, effects) == (replace(before, wanted=False), ())
    elif cell == "again":
        assert (after, effects) == (replace(before, wanted=True, again=True), ())
    elif cell == "signal":
        assert after.state is before.state
        assert isinstance(effects[0], Signal)
    else:
        assert after.state is State[cell]
        assert after.since == NOW
        assert (after.deadline is not None) == (after.state in TIMED)


# --- starting --------------------------------------------------------------------------------------------------


def test_start_asks_for_a_birth_with_a_new_token() -> None:
    after, effects = step(Record("web:1"), Start(), WEB, NOW)
    assert effects == (Spawn("web:1#1"),)
    assert (after.wanted, after.births, after.token) == (True, 1, "web:1#1")


def test_start_waits_for_what_is_in_after() -> None:
    waits = program(after=("redis", "migrate"))
    after, effects = step(Record("web:1"), Start(), waits, NOW)
    assert effects == (AskClear(), Tell(facts.ProcessWaiting("web:1")))
    assert (after.state, after.reason) == (State.WAITING, "waits for redis, migrate")
    after, effects = step(after, Clear(), waits, NOW)
    assert effects == (Spawn("web:1#1"),)


def test_an_automatic_restart_does_not_wait_again() -> None:
    after, effects = step(record(State.BACKOFF), Timeout(), program(after=("redis",)), NOW)
    assert (after.state, effects) == (State.SPAWNING, (Spawn("web:1#4"),))


def test_a_start_forgets_failures_and_budget() -> None:
    tired = record(State.GAVE_UP, failures=4, restarts=(98.0, 99.0), restart_count=4, reason="enough")
    after, _ = step(tired, Start(), WEB, NOW)
    assert (after.failures, after.restarts, after.reason, after.restart_count) == (0, (), "", 4)


def test_born_waits_for_start_seconds_from_birth() -> None:
    after, effects = step(record(State.SPAWNING), Born(TOKEN, 42, NOW - 0.25), WEB, NOW)
    assert (after.pid, after.born, after.deadline) == (42, NOW - 0.25, NOW + 0.75)
    assert effects == (Tell(facts.ProcessStarted("web:1", 42)),)


def test_born_without_start_seconds_is_up() -> None:
    after, effects = step(record(State.SPAWNING), Born(TOKEN, 42, NOW), program(start_seconds=0.0), NOW)
    assert after.state is State.UP
    assert told(effects) == [facts.ProcessStarted("web:1", 42), facts.ProcessReady("web:1", 42)]


def test_born_with_a_probe_waits_for_it() -> None:
    probed = program(ready=Readiness(tcp=("localhost", 80), timeout=5.0))
    after, effects = step(record(State.SPAWNING), Born(TOKEN, 42, NOW), probed, NOW)
    assert after.state is State.STARTING
    assert after.deadline is not None
    assert after.deadline > NOW + 5.0
    assert Probe(TOKEN) in effects
    up, effects = step(after, Ready(TOKEN), probed, NOW + 1)
    assert (up.state, up.deadline, effects) == (State.UP, None, (Tell(facts.ProcessReady("web:1", 42)),))


@pytest.mark.parametrize("once", [program(kind=Kind.TASK), program(schedule="* * * * *")])
@pytest.mark.parametrize("ready", [None, Readiness(tcp=("localhost", 80))])
def test_what_runs_once_is_up_at_birth_and_never_ready(once: Program, ready: Readiness | None) -> None:
    after, effects = step(record(State.SPAWNING), Born(TOKEN, 42, NOW), replace(once, ready=ready), NOW)
    assert (after.state, told(effects)) == (State.UP, [facts.ProcessStarted("web:1", 42)])


def test_stop_before_birth_stops_at_birth() -> None:
    after, effects = step(record(State.SPAWNING), Stop(), WEB, NOW)
    assert (after.state, after.wanted, effects) == (State.SPAWNING, False, ())
    after, effects = step(after, Born(TOKEN, 42, NOW), WEB, NOW)
    assert after.state is State.STOPPING
    assert frames(effects) == [Signal(TOKEN, 15, "process")]
    assert told(effects) == [facts.ProcessStarted("web:1", 42), facts.ProcessStopping("web:1", 42, 15)]


def test_stop_before_a_failed_birth_is_down() -> None:
    after, effects = step(record(State.SPAWNING, wanted=False), EVENT["Unborn"], WEB, NOW)
    assert after.state is State.DOWN
    assert told(effects) == [facts.BirthFailed("web:1", "exec", "no such file")]


def test_restart_before_birth_is_another_birth() -> None:
    after, _ = step(record(State.SPAWNING), Restart(), WEB, NOW)
    after, effects = step(after, Born(TOKEN, 42, NOW), WEB, NOW)
    assert frames(effects) == [Signal(TOKEN, 15, "process")]
    after, effects = step(after, Exited(TOKEN, 0, NOW), WEB, NOW)
    after, effects = step(after, Timeout(), WEB, NOW)
    assert effects == (Spawn("web:1#4"),)
    assert after.again is False


def test_failed_birth_backs_off() -> None:
    after, effects = step(record(State.SPAWNING, failures=1), EVENT["Unborn"], WEB, NOW)
    assert (after.state, after.failures, after.reason) == (State.BACKOFF, 2, "exec: no such file")
    assert after.deadline is not None
    assert 1.0 <= after.deadline - NOW <= 1.1
    assert [type(fact) for fact in told(effects)] == [facts.BirthFailed, facts.ProcessBackedOff]


def test_failed_birth_without_restarts_gives_up() -> None:
    after, effects = step(record(State.SPAWNING, status=3), EVENT["Unborn"], program(restart=Policy.NEVER), NOW)
    assert after.state is State.GAVE_UP
    assert told(effects)[-1] == facts.ProcessGaveUp("web:1", "exec: no such file", None)


def test_failed_birth_during_a_restart_is_tried_again_at_once() -> None:
    after, _ = step(record(State.SPAWNING, again=True), EVENT["Unborn"], WEB, NOW)
    assert (after.state, after.deadline, after.again, after.failures) == (State.BACKOFF, NOW, False, 0)


# --- readiness that fails --------------------------------------------------------------------------------------


def test_unready_is_stopped_and_counts_as_a_failed_start() -> None:
    probed = program(ready=Readiness(tcp=("localhost", 80), timeout=5.0))
    after, effects = step(record(State.STARTING), Unready(TOKEN, "connection refused"), probed, NOW)
    assert (after.state, after.wanted, after.reason) == (State.STOPPING, True, "connection refused")
    assert frames(effects) == [Signal(TOKEN, 15, "process")]
    assert told(effects)[0] == facts.ReadinessFailed("web:1", 42, "connection refused")
    after, effects = step(after, Exited(TOKEN, 0, NOW), probed, NOW)
    assert (after.state, after.failures) == (State.BACKOFF, 1)
    assert after.reason == "connection refused; exited with status 0"


def test_unready_without_restarts_gives_up() -> None:
    never = program(ready=Readiness(tcp=("localhost", 80)), restart=Policy.NEVER)
    after, _ = step(record(State.STARTING), Unready(TOKEN, "refused"), never, NOW)
    after, _ = step(after, Exited(TOKEN, 0, NOW), never, NOW)
    assert after.state is State.GAVE_UP


def test_a_probe_that_never_reports_has_a_backstop() -> None:
    probed = program(ready=Readiness(http="http://localhost", timeout=5.0))
    after, _ = step(record(State.STARTING, since=NOW - 6), Timeout(), probed, NOW)
    assert (after.state, after.reason) == (State.STOPPING, "not ready within 5 s")


def test_a_probe_declared_while_starting_is_begun() -> None:
    probed = program(ready=Readiness(http="http://localhost", timeout=5.0))
    after, effects = step(record(State.STARTING, since=NOW - 1), Timeout(), probed, NOW)
    assert (after.state, effects) == (State.STARTING, (Probe(TOKEN),))
    assert after.deadline is not None
    assert after.deadline > NOW + 4


# --- stopping --------------------------------------------------------------------------------------------------


def test_stop_signals_waits_kills_and_kills_again() -> None:
    gentle = program(stop_signal=2, stop_group=True, stop_timeout=3.0)
    after, effects = step(record(State.UP), Stop(), gentle, NOW)
    assert (after.deadline, after.wanted) == (NOW + 3, False)
    assert effects == (Signal(TOKEN, 2, "group"), Tell(facts.ProcessStopping("web:1", 42, 2)))
    after, effects = step(after, Timeout(), gentle, NOW + 3)
    assert (after.state, after.deadline) == (State.KILLING, NOW + 8)
    assert effects == (Signal(TOKEN, 9, "tree"), Tell(facts.ProcessKilled("web:1", 42)))
    after, effects = step(after, Timeout(), gentle, NOW + 8)
    assert (after.deadline, effects) == (NOW + 13, (Signal(TOKEN, 9, "tree"),))
    after, effects = step(after, Exited(TOKEN, -9, NOW + 9, ("43 child",)), gentle, NOW + 9)
    assert (after.state, after.pid, after.born, after.status) == (State.DOWN, None, None, -9)
    assert effects == (Ack(TOKEN), Tell(facts.ProcessExited("web:1", 42, -9, True, 14.0, ("43 child",))))


def test_hurry_cuts_a_stop_short_and_touches_nothing_else() -> None:
    after, effects = step(record(State.STOPPING, wanted=False), Hurry(), WEB, NOW)
    assert (after.state, frames(effects)) == (State.KILLING, [Signal(TOKEN, 9, "tree")])
    assert step(record(State.UP), Hurry(), WEB, NOW) == (record(State.UP), ())


def test_kill_asks_nobody() -> None:
    after, effects = step(record(State.UP), Kill(), WEB, NOW)
    assert (after.state, after.wanted) == (State.KILLING, False)
    assert effects == (Signal(TOKEN, 9, "tree"), Tell(facts.ProcessStopping("web:1", 42, 9)))


def test_restart_is_a_stop_and_a_birth_and_no_failure() -> None:
    after, _ = step(record(State.UP, failures=2, restarts=(1.0,)), Restart(), WEB, NOW)
    assert (after.state, after.wanted, after.again) == (State.STOPPING, True, True)
    after, effects = step(after, Exited(TOKEN, -15, NOW), WEB, NOW)
    assert (after.state, after.deadline, after.failures, after.restart_count) == (State.BACKOFF, NOW, 0, 0)
    assert told(effects) == [facts.ProcessExited("web:1", 42, -15, True, 5.0)]
    after, effects = step(after, Timeout(), WEB, NOW)
    assert effects == (Spawn("web:1#4"),)


def test_start_during_a_stop_starts_after_it() -> None:
    after, _ = step(record(State.STOPPING, wanted=False), Start(), WEB, NOW)
    after, _ = step(after, Exited(TOKEN, 0, NOW), WEB, NOW)
    assert (after.state, after.deadline) == (State.BACKOFF, NOW)


def test_stop_during_a_restart_wins() -> None:
    after, _ = step(record(State.STOPPING, again=True), Stop(), WEB, NOW)
    after, _ = step(after, Exited(TOKEN, 0, NOW), WEB, NOW)
    assert (after.state, after.reason) == (State.DOWN, "stopped")


def test_send_is_told_and_changes_no_state() -> None:
    after, effects = step(record(State.UP), Send(12, op="x"), WEB, NOW)
    assert after == record(State.UP, op="x")
    assert effects == (Signal(TOKEN, 12, "process"), Tell(facts.SignalSent("web:1", 42, 12)))


# --- ends nobody asked for -------------------------------------------------------------------------------------


def test_a_good_run_is_restarted_at_once() -> None:
    after, effects = step(record(State.UP, failures=3), Exited(TOKEN, -9, NOW), WEB, NOW)
    assert (after.state, after.deadline, after.failures, after.restart_count) == (State.BACKOFF, NOW, 0, 1)
    assert effects == (Ack(TOKEN), Tell(facts.ProcessExited("web:1", 42, -9, False, 5.0)))
    assert after.reason == "killed by SIGKILL"


def test_an_early_exit_is_a_failed_start() -> None:
    after, effects = step(record(State.STARTING, failures=1), Exited(TOKEN, 0, NOW), WEB, NOW)
    assert (after.state, after.failures) == (State.BACKOFF, 2)
    assert effects[0] == Ack(TOKEN)
    exited, backed_off = told(effects)
    assert isinstance(exited, facts.ProcessExited)
    assert exited.expected is False
    assert isinstance(backed_off, facts.ProcessBackedOff)
    assert after.deadline == NOW + backed_off.delay


def test_ready_and_gone_within_the_first_delay_is_a_failed_start() -> None:
    blink = record(State.UP, born=NOW - 0.1)
    after, _ = step(blink, Exited(TOKEN, 1, NOW), program(start_seconds=0.0), NOW)
    assert (after.failures, after.deadline != NOW) == (1, True)


def test_an_exit_after_start_seconds_counts_as_up_even_if_nobody_was_there_to_say_so() -> None:
    overdue = record(State.STARTING, born=NOW - 5, deadline=NOW - 4)
    after, _ = step(overdue, Exited(TOKEN, 1, NOW - 1), WEB, NOW)
    assert (after.state, after.deadline, after.failures) == (State.BACKOFF, NOW, 0)


def test_an_exit_before_the_birth_was_heard_of() -> None:
    after, effects = step(record(State.SPAWNING, wanted=False), Exited(TOKEN, 1, NOW), WEB, NOW)
    assert (after.state, effects[0]) == (State.DOWN, Ack(TOKEN))
    after, effects = step(record(State.SPAWNING), Exited(TOKEN, 1, NOW), WEB, NOW)
    assert (after.state, after.failures, effects[0]) == (State.BACKOFF, 1, Ack(TOKEN))


ENDS = [
    # kind, policy, status, follows
    (Kind.SERVICE, Policy.ALWAYS, 0, State.BACKOFF),
    (Kind.SERVICE, Policy.ALWAYS, 1, State.BACKOFF),
    (Kind.SERVICE, Policy.ON_FAILURE, 0, State.DONE),
    (Kind.SERVICE, Policy.ON_FAILURE, 1, State.BACKOFF),
    (Kind.SERVICE, Policy.NEVER, 0, State.DONE),
    (Kind.SERVICE, Policy.NEVER, -11, State.GAVE_UP),
    (Kind.TASK, Policy.ALWAYS, 0, State.DONE),
    (Kind.TASK, Policy.ALWAYS, 1, State.BACKOFF),
    (Kind.TASK, Policy.ON_FAILURE, 1, State.BACKOFF),
    (Kind.TASK, Policy.NEVER, 0, State.DONE),
    (Kind.TASK, Policy.NEVER, 1, State.GAVE_UP),
]


@pytest.mark.parametrize(("kind", "policy", "status", "follows"), ENDS)
def test_what_follows_an_end(kind: Kind, policy: Policy, status: int, follows: State) -> None:
    after, effects = step(record(State.UP), Exited(TOKEN, status, NOW), program(kind=kind, restart=policy), NOW)
    assert after.state is follows
    assert after.wanted
    assert frames(effects) == [Ack(TOKEN)]
    exited = told(effects)[0]
    assert isinstance(exited, facts.ProcessExited)
    assert exited.expected == (status == 0)


def test_a_failing_task_does_not_spin() -> None:
    task = program(kind=Kind.TASK, restart=Policy.ON_FAILURE)
    after, _ = step(record(State.UP), Exited(TOKEN, 1, NOW), task, NOW)
    assert after.failures == 1
    assert after.deadline is not None
    assert after.deadline >= NOW + 0.5


def test_the_budget_ends_it() -> None:
    tight = program(backoff=Backoff(max_restarts=2, window=60.0))
    after, _ = step(record(State.UP, restarts=(NOW - 70, NOW - 20)), Exited(TOKEN, 1, NOW), tight, NOW)
    assert (after.state, after.restarts) == (State.BACKOFF, (NOW - 20, NOW))
    after, effects = step(record(State.UP, restarts=after.restarts), Exited(TOKEN, 1, NOW), tight, NOW)
    assert after.state is State.GAVE_UP
    assert told(effects)[-1] == facts.ProcessGaveUp("web:1", after.reason, 1)
    assert after.reason == "exited with status 1; no more than 2 restarts in 60 s"


# --- repeated and late -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [Start, Stop, Restart, Kill])
@pytest.mark.parametrize("state", State)
def test_the_same_op_is_obeyed_once(command: Any, state: State) -> None:
    once, _ = step(record(state), command("op-1"), WEB, NOW)
    assert once.op == "op-1"
    assert step(once, command("op-1"), WEB, NOW + 1) == (once, ())


@pytest.mark.parametrize("state", State)
def test_news_of_another_birth_changes_nothing(state: State) -> None:
    before = record(state)
    for news in (Born("web:1#2", 7, 1.0), Unborn("web:1#2", "exec", ""), Ready("web:1#2"), Unready("web:1#2", "")):
        assert step(before, news, WEB, NOW) == (before, ())
    assert step(before, Exited("web:1#2", 0, 1.0), WEB, NOW) == (before, (Ack("web:1#2"),))


def test_what_a_new_daemon_does_once_more() -> None:
    probed = program(ready=Readiness(tcp=("localhost", 80)))
    assert resume(record(State.WAITING), WEB) == (AskClear(),)
    assert resume(record(State.SPAWNING), WEB) == (Spawn(TOKEN),)
    assert resume(record(State.STARTING), probed) == (Probe(TOKEN),)
    assert resume(record(State.STARTING), WEB) == ()
    assert all(resume(record(state), probed) == () for state in set(State) - {"waiting", "spawning", "starting"})


# --- what people see -------------------------------------------------------------------------------------------


def test_states_in_supervisors_words() -> None:
    words = {state: visible(record(state)) for state in State}
    assert set(words.values()) == {
        "STOPPED", "STARTING", "RUNNING", "BACKOFF", "STOPPING", "EXITED", "FATAL",
    }  # fmt: skip
    assert words[State.WAITING] == "STARTING"
    assert visible(record(State.SPAWNING, wanted=False)) == "STOPPING"


def test_waiting_is_shown_as_such() -> None:
    assert shown(record(State.WAITING)) == "WAITING"
    assert all(shown(record(state)) == visible(record(state)) for state in set(State) - {State.WAITING})
