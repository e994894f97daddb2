"""What becomes of one process: a table from (state, event) to a handler.

`step` is the whole machine. It takes a record, an event, the program's spec and the time, and returns the new
record and the effects, which the runner performs. It reads no clock and does no I/O, it never raises, and every
cell of `TABLE` is answered on purpose: `ignore` says that an event means nothing there.

Three promises hold on every path. There are never two children: a birth is asked for only when the last one has
failed or its exit was seen. A signal is sent only while there is a child. A deadline is set exactly in the
states that end by time (`TIMED`).

A start goes DOWN → (WAITING →) SPAWNING → STARTING → UP, a stop UP → STOPPING (→ KILLING) → DOWN. What ends by
itself is judged by `policy`: BACKOFF and a new birth, DONE, or GAVE_UP. A restart after a good run passes
through BACKOFF with a deadline of now, because the acknowledgement of the exit and the new birth are two frames.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from .events import (
    Ack,
    AskClear,
    Born,
    Clear,
    Command,
    Effect,
    Event,
    Exited,
    Hurry,
    Kill,
    News,
    Probe,
    Ready,
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
from .moves import (
    Step,
    Turn,
    acknowledge,
    begin,
    born,
    drop,
    ended,
    ended_unseen,
    ignore,
    kill,
    kill_again,
    lose_patience,
    probe_of,
    restart,
    send,
    spawn,
    start_due,
    stop,
    stopped,
    unborn,
    unready,
    unwant,
    up,
    want,
    want_again,
)
from .record import ALIVE, AT_REST, TIMED, Record, State, shown, visible
from .spec import Program

__all__ = [
    "ALIVE", "AT_REST", "TABLE", "TIMED", "Ack", "AskClear", "Born", "Clear", "Command", "Effect", "Event", "Exited",
    "Handler", "Hurry", "Kill", "News", "Probe", "Ready", "Record", "Restart", "Send", "Signal", "Spawn", "Start",
    "State", "Step", "Stop", "Tell", "Timeout", "Unborn", "Unready", "resume", "shown", "step", "visible",
]  # fmt: skip

Handler = Callable[[Turn[Any]], Step]

_REST: dict[type[Event], Handler] = {
    Start: begin, Stop: unwant, Restart: begin, Kill: unwant, Send: ignore, Clear: ignore, Born: ignore,
    Unborn: ignore, Ready: ignore, Unready: ignore, Exited: acknowledge, Timeout: ignore, Hurry: ignore,
}  # fmt: skip

TABLE: dict[State, dict[type[Event], Handler]] = {
    State.DOWN: _REST,
    State.DONE: _REST,
    State.GAVE_UP: _REST,
    State.WAITING: {
        Start: want, Stop: drop, Restart: want, Kill: drop, Send: ignore, Clear: spawn, Born: ignore,
        Unborn: ignore, Ready: ignore, Unready: ignore, Exited: acknowledge, Timeout: ignore, Hurry: ignore,
    },
    State.SPAWNING: {
        Start: want, Stop: unwant, Restart: want_again, Kill: unwant, Send: ignore, Clear: ignore, Born: born,
        Unborn: unborn, Ready: ignore, Unready: ignore, Exited: ended_unseen, Timeout: ignore, Hurry: ignore,
    },
    State.STARTING: {
        Start: want, Stop: stop, Restart: restart, Kill: kill, Send: send, Clear: ignore, Born: ignore,
        Unborn: ignore, Ready: up, Unready: unready, Exited: ended, Timeout: start_due, Hurry: ignore,
    },
    State.UP: {
        Start: want, Stop: stop, Restart: restart, Kill: kill, Send: send, Clear: ignore, Born: ignore,
        Unborn: ignore, Ready: ignore, Unready: ignore, Exited: ended, Timeout: ignore, Hurry: ignore,
    },
    State.STOPPING: {
        Start: want_again, Stop: unwant, Restart: want_again, Kill: kill, Send: send, Clear: ignore, Born: ignore,
        Unborn: ignore, Ready: ignore, Unready: ignore, Exited: stopped, Timeout: lose_patience, Hurry: lose_patience,
    },
    State.KILLING: {
        Start: want_again, Stop: unwant, Restart: want_again, Kill: unwant, Send: send, Clear: ignore, Born: ignore,
        Unborn: ignore, Ready: ignore, Unready: ignore, Exited: stopped, Timeout: kill_again, Hurry: kill_again,
    },
    State.BACKOFF: {
        Start: begin, Stop: drop, Restart: begin, Kill: drop, Send: ignore, Clear: ignore, Born: ignore,
        Unborn: ignore, Ready: ignore, Unready: ignore, Exited: acknowledge, Timeout: spawn, Hurry: ignore,
    },
}  # fmt: skip


def step(record: Record, event: Event, program: Program, now: float) -> Step:
    """What follows from `event`: the new record, and what is to be done."""
    if isinstance(event, Command):
        if event.op is not None:
            if event.op == record.op:
                return record, ()
            record = replace(record, op=event.op)
    elif isinstance(event, News) and event.token != record.token:
        return record, (Ack(event.token),) if isinstance(event, Exited) else ()
    return TABLE[record.state][type(event)](Turn(record, event, program, now))


def resume(record: Record, program: Program) -> tuple[Effect, ...]:
    """What a new daemon has to do once more for a record it took over.

    Signals and acknowledgements are not among it: the record that speaks of one travelled in its frame. A birth
    asked for twice is the first one, so asking again merely gets the answer that the last daemon did not hear.
    """
    if record.state is State.WAITING:
        return (AskClear(),)
    if record.state is State.SPAWNING:
        return (Spawn(record.token),)
    if record.state is State.STARTING and probe_of(program):
        return (Probe(record.token),)
    return ()
