"""Random walks of the machine beside a small simulated keeper, which may outlive any number of daemons.

The keeper's promises are those of the real one: one birth per token however often it is asked for, news in order, an
exit kept until it is acknowledged, and all news told again to a new daemon.
"""

from __future__ import annotations

from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.model.samples import program, programs

from hotclub.model.machine import (
    ALIVE,
    AT_REST,
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
    Timeout,
    Unborn,
    Unready,
    resume,
    step,
)
from hotclub.model.spec import Backoff, Kind, Program, Readiness
from hotclub.model.spec import Restart as Policy

STATUSES = (0, 1, -9)


class House:
    """One process, its machine, and the keeper. Its public methods are the moves of a walk."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.record = Record("web:1")
        self.now = 0.0
        self.asked: list[str] = []  # tokens of births under way
        self.table: dict[str, int | None] = {}  # token → exit status; None: alive
        self.news: list[Event] = []  # not yet heard by the daemon
        self.clears = self.probes = False
        self.killed = False  # the present child was sent KILL
        self.may_spawn = False  # somebody asked for a start since the last stop
        self.ops = 0

    def _feed(self, event: Event) -> None:
        self.record, effects = step(self.record, event, self.program, self.now)
        assert sum(isinstance(effect, Spawn | Signal | Ack) for effect in effects) <= 1
        for effect in effects:
            assert self.may_spawn or not isinstance(effect, Spawn), "a birth after a stop"
            self._perform(effect)
        if self.record.state is not State.STARTING:
            self.probes = False
        self._check()

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Spawn(token):
                assert set(self.table) <= {token}, "a second child"
                if token in self.table:
                    self.news.append(self._birth(token))
                elif token not in self.asked:
                    assert not self.asked, "two births at once"
                    self.asked.append(token)
            case Signal(token, number, scope):
                assert token in self.table, "a signal without a child"
                assert scope in {"process", "group", "tree"}
                self.killed |= number == 9
            case Ack(token):
                assert self.table.pop(token, 0) is not None, "acknowledged alive"
            case AskClear():
                self.clears = True
            case Probe(token):
                assert token in self.table
                self.probes = True

    def _birth(self, token: str) -> Born:
        return Born(token, 1000 + int(token.partition("#")[2]), self.now)

    def _check(self) -> None:
        """What holds after every step."""
        now = self.record
        assert (now.deadline is not None) == (now.state in TIMED)
        assert (now.pid is not None) == (now.born is not None) == (now.state in ALIVE)
        if now.state in {State.WAITING, State.STARTING, State.UP, State.BACKOFF}:
            assert now.wanted
        if now.state is State.DOWN:
            assert not now.wanted
        if now.again:
            assert now.wanted
            assert now.state in {State.SPAWNING, State.STOPPING, State.KILLING}
        if now.state in AT_REST | {State.WAITING, State.BACKOFF}:
            assert not self.asked
            assert None not in self.table.values()

    # --- what people do

    def _command(self, command: type[Start | Stop | Restart | Kill]) -> None:
        self.ops += 1
        self.may_spawn = command in {Start, Restart}
        self._feed(command(f"op-{self.ops}"))
        assert step(self.record, command(f"op-{self.ops}"), self.program, self.now) == (self.record, ())

    def start(self) -> None:
        self._command(Start)

    def stop(self) -> None:
        self._command(Stop)

    def restart(self) -> None:
        self._command(Restart)

    def kill(self) -> None:
        self._command(Kill)

    def send(self) -> None:
        self._feed(Send(10))

    def hurry(self) -> None:
        self._feed(Hurry())

    # --- what the world does

    def give_birth(self, works: bool = True) -> None:
        if self.asked:
            token = self.asked.pop()
            self.killed = False
            if works:
                self.table[token] = None
            self.news.append(self._birth(token) if works else Unborn(token, "exec", "not found"))

    def miscarry(self) -> None:
        self.give_birth(works=False)

    def die(self, status: int = 0) -> None:
        for token in [token for token, ended in self.table.items() if ended is None]:
            self.table[token] = status
            self.news.append(Exited(token, status, self.now))

    def crash(self) -> None:
        self.die(1)

    def hear(self) -> None:
        if self.news:
            self._feed(self.news.pop(0))

    def clear(self) -> None:
        if self.clears:
            self.clears = False
            self._feed(Clear())

    def probe(self, passes: bool = True) -> None:
        if self.probes:
            self._feed(Ready(self.record.token) if passes else Unready(self.record.token, "refused"))

    def fail_probe(self) -> None:
        self.probe(passes=False)

    def wait(self, seconds: float = 0.2) -> None:
        self.now += seconds
        if self.record.deadline is not None and self.record.deadline <= self.now:
            self._feed(Timeout())

    def time_is_up(self) -> None:
        if self.record.deadline is not None:
            self.wait(max(0.0, self.record.deadline - self.now) + 0.001)

    def go_well(self) -> None:
        """The world does what is next, and well."""
        if self.asked:
            self.give_birth()
        elif self.news:
            self.hear()
        elif self.clears:
            self.clear()
        elif self.probes:
            self.probe()
        elif self.record.state in {State.STARTING, State.BACKOFF}:
            self.time_is_up()

    def hear_old_news(self) -> None:
        token = f"web:1#{self.record.births - 1}"
        for event in (Exited(token, 1, 0.0), Born(token, 7, 0.0), Ready(token), Unborn(token, "cwd", "gone")):
            self._feed(event)

    def lose_the_daemon(self) -> None:
        """The next one has the record, through JSON, and is told all that is in the table."""
        self.record = msgspec.json.decode(msgspec.json.encode(self.record), type=Record)
        self.clears = self.probes = False
        self.news = []
        for token, status in self.table.items():
            self.news.append(self._birth(token))
            if status is not None:
                self.news.append(Exited(token, status, self.now))
        for effect in resume(self.record, self.program):
            self._perform(effect)

    def settle(self) -> None:
        """A stop settles, whatever happened, even if the child obeys nothing but KILL."""
        self.stop()
        for _ in range(10):
            self.give_birth()
            self.hear()
            if not self.news:
                self.time_is_up()
            if self.killed:
                self.die(-9)
        assert not self.record.wanted
        assert self.record.state in AT_REST
        assert not self.table


OFTEN = ("start", "start", "restart", "hear", "hear", "time_is_up", "go_well", "go_well", "go_well", "crash")
MOVES = tuple(name for name in vars(House) if not name.startswith("_") and name != "settle") + OFTEN


@settings(max_examples=200, deadline=None)
@given(sort=programs(), walk=st.lists(st.sampled_from(MOVES), min_size=20, max_size=120))
def test_the_promises_hold_on_every_walk(sort: Program, walk: list[str]) -> None:
    house = House(sort)
    for move in walk:
        getattr(house, move)()
    house.settle()


def test_walks_come_everywhere() -> None:
    """Each state, and each event in each state where it means something, is met by a few hundred walks."""
    met: set[tuple[State, type[Event]]] = set()

    class Watched(House):
        def _feed(self, event: Event) -> None:
            met.add((self.record.state, type(event)))
            super()._feed(event)

    chance = Random(20)
    sorts = [
        program(restart=restart, after=after, ready=ready, kind=kind, backoff=Backoff(max_restarts=3))
        for restart in Policy
        for after in ((), ("db",))
        for ready in (None, Readiness(tcp=("localhost", 80)))
        for kind in Kind
    ]
    for _ in range(20):
        for sort in sorts:
            house = Watched(sort)
            for _ in range(60):
                getattr(house, chance.choice(MOVES))()
            house.settle()
    meant = {(state, event) for state, row in TABLE.items() for event, answer in row.items() if answer not in ROUTINE}
    assert meant - met == set()


ROUTINE = {TABLE[State.UP][Clear], TABLE[State.DOWN][Exited]}  # ignored, and acknowledged once more


TOKENS = st.sampled_from([f"web:1#{births}" for births in range(4)])
ANY_EVENT: st.SearchStrategy[Event] = st.one_of(
    st.sampled_from([Start(), Stop(), Restart(), Kill(), Send(10)]),
    st.builds(Clear),
    st.builds(Timeout),
    st.builds(Hurry),
    st.builds(Born, TOKENS, st.just(9), st.just(1.0)),
    st.builds(Unborn, TOKENS, st.just("exec"), st.just("no")),
    st.builds(Ready, TOKENS),
    st.builds(Unready, TOKENS, st.just("no")),
    st.builds(Exited, TOKENS, st.sampled_from(STATUSES), st.just(2.0)),
)


@settings(max_examples=200, deadline=None)
@given(sort=programs(), events=st.lists(ANY_EVENT, max_size=40))
def test_nonsense_never_raises(sort: Program, events: list[Event]) -> None:
    record, now = Record("web:1"), 0.0
    for event in events:
        now += 0.7
        record, effects = step(record, event, sort, now)
        assert (record.deadline is not None) == (record.state in TIMED)
        assert sum(isinstance(effect, Spawn | Signal | Ack) for effect in effects) <= 1


@settings(max_examples=100, deadline=None)
@given(sort=programs(), events=st.lists(ANY_EVENT, max_size=20))
def test_a_start_in_a_kind_world_comes_up(sort: Program, events: list[Event]) -> None:
    """From wherever nonsense has led, a stop and a start end in UP when births work and probes pass."""
    record, now = Record("web:1"), 0.0
    for event in [*events, Stop(), Start()]:
        record, _ = step(record, event, sort, now)
    for _ in range(10):
        now = record.deadline or now
        kind: dict[State, Event] = {
            State.WAITING: Clear(),
            State.SPAWNING: Born(record.token, 9, now),
            State.STARTING: Ready(record.token) if sort.ready else Timeout(),
            State.STOPPING: Exited(record.token, 0, now),
            State.KILLING: Exited(record.token, -9, now),
            State.BACKOFF: Timeout(),
        }
        if record.state in kind:
            record, _ = step(record, kind[record.state], sort, now)
    assert record.state is State.UP
