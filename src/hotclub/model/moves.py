"""The handlers in the machine's table: each answers some of its cells.

A handler gets a `Turn` and returns the new record and the effects. The first line of its docstring stands in
the generated table of the documentation, so it says what the cell means.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from . import facts, policy
from .events import (
    Ack,
    AskClear,
    Born,
    Effect,
    Event,
    Exited,
    Hurry,
    Kill,
    Probe,
    Restart,
    Send,
    Signal,
    Spawn,
    Start,
    Stop,
    Tell,
    Timeout,
    Unborn,
    Unready,
)
from .policy import Verdict
from .record import Record, State
from .spec import Program, Readiness
from .spec import Restart as RestartPolicy

SIGKILL = 9  #: by number: the model runs where `signal` has no such name
KILL_AGAIN = 5.0  #: seconds until KILL is sent once more
PROBE_MARGIN = 1.0  #: the probe's own report comes first; this is for when it never comes

Step = tuple[Record, tuple[Effect, ...]]
E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class Turn(Generic[E]):
    """What a handler sees."""

    record: Record
    event: E
    program: Program
    now: float

    def to(self, state: State, *effects: Effect, deadline: float | None = None, **changes: Any) -> Step:  # noqa: ANN401
        """The record in this state, with these changes."""
        since = self.record.since if state is self.record.state else self.now
        return replace(self.record, state=state, since=since, deadline=deadline, **changes), effects

    def keep(self, **changes: Any) -> Step:  # noqa: ANN401
        """The record as it is but for these changes, its deadline too."""
        return replace(self.record, **changes), ()

    @property
    def pid(self) -> int:
        return self.record.pid or 0


# --- wishes ----------------------------------------------------------------------------------------------------


def ignore(turn: Turn[Any]) -> Step:
    """Means nothing here."""
    return turn.record, ()


def want(turn: Turn[Start]) -> Step:
    """It is on its way already."""
    return turn.keep(wanted=True)


def unwant(turn: Turn[Stop | Kill]) -> Step:
    """Take back the wish; what is under way sees it."""
    return turn.keep(wanted=False, again=False)


def want_again(turn: Turn[Start | Restart]) -> Step:
    """Start once more when this birth has ended."""
    return turn.keep(wanted=True, again=True)


def drop(turn: Turn[Stop | Kill]) -> Step:
    """Stop what has not begun."""
    return turn.to(State.DOWN, wanted=False, reason="stopped")


# --- towards up ------------------------------------------------------------------------------------------------


def begin(turn: Turn[Start | Restart]) -> Step:
    """Start afresh: wait for `after`, or ask for a birth."""
    fresh = replace(turn, record=replace(turn.record, wanted=True, failures=0, restarts=(), reason=""))
    if not turn.program.after:
        return spawn(fresh)
    reason = f"waits for {', '.join(turn.program.after)}"
    return fresh.to(State.WAITING, AskClear(), Tell(facts.ProcessWaiting(turn.record.process)), reason=reason)


def spawn(turn: Turn[Any]) -> Step:
    """Ask for a birth."""
    births = turn.record.births + 1
    return turn.to(State.SPAWNING, Spawn(f"{turn.record.process}#{births}"), births=births, again=False)


def born(turn: Turn[Born]) -> Step:
    """There is a child: watch it start, or stop it if nobody wants it any more."""
    record = replace(turn.record, pid=turn.event.pid, born=turn.event.born)
    alive = replace(turn, record=record)
    started = Tell(facts.ProcessStarted(record.process, turn.event.pid))
    if record.again or not record.wanted:
        return _after(started, _stop(alive))
    if probe := probe_of(turn.program):
        return alive.to(State.STARTING, started, Probe(record.token), deadline=_backstop(probe, turn.now))
    if policy.runs_once(turn.program) or not turn.program.start_seconds:
        return _after(started, up(alive))
    # Perhaps that was long ago. Even then the deadline says when it is ready: its end may be the next to be heard of.
    return alive.to(State.STARTING, started, deadline=turn.event.born + turn.program.start_seconds)


def up(turn: Turn[Any]) -> Step:
    """It is ready; a task or a scheduled program just runs."""
    ready = Tell(facts.ProcessReady(turn.record.process, turn.pid))
    return turn.to(State.UP, *(() if policy.runs_once(turn.program) else (ready,)), reason="")


def unready(turn: Turn[Unready]) -> Step:
    """Its probe failed: stop it. It stays wanted, so its end is a failed start."""
    return _unready(turn, turn.event.reason)


def start_due(turn: Turn[Timeout]) -> Step:
    """It has run long enough to be ready; with a probe, that never reported."""
    probe = probe_of(turn.program)
    if probe is None:
        return up(turn)
    if turn.now < turn.record.since + probe.timeout:  # the configuration got its probe while it was starting
        return turn.to(State.STARTING, Probe(turn.record.token), deadline=_backstop(probe, turn.record.since))
    return _unready(turn, f"not ready within {probe.timeout:g} s")


# --- towards down ----------------------------------------------------------------------------------------------


def stop(turn: Turn[Stop]) -> Step:
    """Send the stop signal."""
    return _stop(replace(turn, record=replace(turn.record, wanted=False, again=False)))


def restart(turn: Turn[Restart]) -> Step:
    """Send the stop signal; its end is followed by a new birth."""
    return _stop(replace(turn, record=replace(turn.record, wanted=True, again=True)))


def kill(turn: Turn[Kill]) -> Step:
    """Send KILL to the whole tree at once."""
    record = turn.record
    stopping = Tell(facts.ProcessStopping(record.process, turn.pid, SIGKILL))
    again = turn.now + KILL_AGAIN
    return turn.to(State.KILLING, _kill(record), stopping, deadline=again, wanted=False, again=False)


def lose_patience(turn: Turn[Timeout | Hurry]) -> Step:
    """It had its time: send KILL to the whole tree."""
    killed = Tell(facts.ProcessKilled(turn.record.process, turn.pid))
    return turn.to(State.KILLING, _kill(turn.record), killed, deadline=turn.now + KILL_AGAIN)


def kill_again(turn: Turn[Timeout]) -> Step:
    """Still there: send KILL once more."""
    return turn.to(State.KILLING, _kill(turn.record), deadline=turn.now + KILL_AGAIN)


def send(turn: Turn[Send]) -> Step:
    """Send a signal; what it does shows in an exit or not at all."""
    record = turn.record
    sent = Tell(facts.SignalSent(record.process, turn.pid, turn.event.signal))
    return record, (Signal(record.token, turn.event.signal, "process"), sent)


# --- ends ------------------------------------------------------------------------------------------------------


def acknowledge(turn: Turn[Exited]) -> Step:
    """An exit that is accounted for already."""
    return turn.record, (Ack(turn.event.token),)


def unborn(turn: Turn[Unborn]) -> Step:
    """The birth failed: a failed start, whatever the stage, as a later deploy may mend it."""
    reason = f"{turn.event.stage}: {turn.event.reason}"
    told = Tell(facts.BirthFailed(turn.record.process, turn.event.stage, turn.event.reason))
    failed = replace(turn, record=replace(turn.record, status=None))
    if asked := _asked_for(failed, reason):
        return _after(told, asked)
    judged = Verdict.GIVE_UP if turn.program.restart is RestartPolicy.NEVER else Verdict.RETRY
    return _after(told, _conclude(failed, judged, reason))


def ended(turn: Turn[Exited]) -> Step:
    """It ended by itself: the policy says what follows."""
    record = turn.record
    was_up = record.state is State.UP or _came_up_unseen(turn)
    good = policy.is_good(turn.program, was_up, _uptime(turn))
    judged = policy.verdict(turn.program, turn.event.status, good)
    expected = turn.event.status == 0 and judged is not Verdict.RETRY
    return _exit(turn, expected, judged)


def ended_unseen(turn: Turn[Exited]) -> Step:
    """It ended before its birth was heard of."""
    return stopped(turn) if turn.record.again or not turn.record.wanted else ended(turn)


def stopped(turn: Turn[Exited]) -> Step:
    """It ended as it was told to; if it is still wanted, it had not become ready: a failed start."""
    never = turn.program.restart is RestartPolicy.NEVER
    expected = turn.record.again or not turn.record.wanted
    return _exit(turn, expected, Verdict.GIVE_UP if never else Verdict.RETRY)


# --- shared ----------------------------------------------------------------------------------------------------


def probe_of(program: Program) -> Readiness | None:
    return None if policy.runs_once(program) else program.ready


def _backstop(probe: Readiness, since: float) -> float:
    return since + probe.timeout + PROBE_MARGIN


def _after(told: Tell, step: Step) -> Step:
    """The same step, with this fact told before all its others."""
    return step[0], (told, *step[1])


def _kill(record: Record) -> Signal:
    return Signal(record.token, SIGKILL, "tree")


def _stop(turn: Turn[Any], reason: str = "") -> Step:
    program, process = turn.program, turn.record.process
    signal = Signal(turn.record.token, program.stop_signal, "group" if program.stop_group else "process")
    told = Tell(facts.ProcessStopping(process, turn.pid, program.stop_signal))
    return turn.to(State.STOPPING, signal, told, deadline=turn.now + program.stop_timeout, reason=reason)


def _unready(turn: Turn[Any], reason: str) -> Step:
    told = Tell(facts.ReadinessFailed(turn.record.process, turn.pid, reason))
    return _after(told, _stop(turn, reason))


def _came_up_unseen(turn: Turn[Exited]) -> bool:
    """Whether its start was due before it ended: nobody was there to say so."""
    due = turn.record.deadline if turn.record.state is State.STARTING and not probe_of(turn.program) else None
    return due is not None and turn.event.ended >= due


def _uptime(turn: Turn[Exited]) -> float:
    born_at = turn.event.ended if turn.record.born is None else turn.record.born
    return max(0.0, turn.event.ended - born_at)


def _exit(turn: Turn[Exited], expected: bool, judged: Verdict) -> Step:
    """Account for an exit, then let follow what was asked for or else what was judged."""
    record, event = turn.record, turn.event
    told = facts.ProcessExited(record.process, turn.pid, event.status, expected, _uptime(turn), event.leftovers)
    gone = replace(turn, record=replace(record, pid=None, born=None, status=event.status))
    not_ready = f"{record.reason}; " if record.state in {State.STOPPING, State.KILLING} and not expected else ""
    reason = not_ready + policy.describe(event.status)
    after, effects = _asked_for(gone, reason) or _conclude(gone, judged, reason)
    return after, (Ack(event.token), Tell(told), *effects)


def _asked_for(turn: Turn[Any], reason: str) -> Step | None:
    """What follows an end if somebody asked for it: rest, or another birth at once."""
    if not turn.record.wanted:
        return turn.to(State.DOWN, reason="stopped", failures=0, again=False)
    if turn.record.again:
        return turn.to(State.BACKOFF, deadline=turn.now, reason=reason, failures=0, again=False)
    return None


def _conclude(turn: Turn[Any], judged: Verdict, reason: str) -> Step:
    """What follows an end that nobody asked for."""
    record, backoff = turn.record, turn.program.backoff
    if judged is Verdict.DONE:
        return turn.to(State.DONE, reason=reason, failures=0)
    restarts = policy.spend(backoff, record.restarts, turn.now)
    if judged is Verdict.GIVE_UP or restarts is None:
        if restarts is None:
            reason = f"{reason}; no more than {backoff.max_restarts} restarts in {backoff.window:g} s"
        return turn.to(State.GAVE_UP, Tell(facts.ProcessGaveUp(record.process, reason, record.status)), reason=reason)
    failures = record.failures + 1 if judged is Verdict.RETRY else 0
    delay = policy.delay(backoff, failures, record.process) if failures else 0.0
    told = (Tell(facts.ProcessBackedOff(record.process, delay, reason)),) if failures else ()
    return turn.to(
        State.BACKOFF, *told, deadline=turn.now + delay, reason=reason, failures=failures,
        restarts=restarts, restart_count=record.restart_count + 1,
    )  # fmt: skip
