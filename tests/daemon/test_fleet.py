"""The fleet on a played keeper: whatever frame the daemon dies after, the next one ends in the same place."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.daemon.simulation import Death, House, program, site, task

from hotclub.daemon.fleet import Busy
from hotclub.model.record import State
from hotclub.model.select import UnknownName
from hotclub.model.spec import Program, Restart

pytestmark = pytest.mark.timeout(60)

NAMES = ("a", "b", "c", "d")


@pytest.fixture
def make():
    made = []

    def build(*programs):
        made.append(House(site(*programs)))
        return made[-1]

    yield build
    for each in made:
        each.close()


@st.composite
def programs(draw, name, before):
    kind = draw(st.sampled_from(["service", "slow", "task", "false"]))
    after = tuple(draw(st.lists(st.sampled_from(before), max_size=2, unique=True))) if before else ()
    if kind == "task":
        return task(name, after=after, restart=Restart.NEVER)
    if kind == "false":
        return program(
            name, "false", restart=Restart.NEVER, stop_timeout=draw(st.sampled_from([1.0, 2.0])), start_seconds=1.0
        )
    return program(
        name, "sleep", draw(st.sampled_from(["1", "2"])), after=after, copies=draw(st.integers(1, 3)),
        start_seconds=1.0 if kind == "slow" else 0.0,
    )  # fmt: skip


@st.composite
def sites(draw):
    chosen = draw(st.lists(st.sampled_from(NAMES), max_size=4, unique=True))
    found: list[Program] = []
    for name in sorted(chosen):
        found.append(draw(programs(name, [each.name for each in found])))
    return site(*found)


def apply(house, new):
    house.files = new
    house.supervisor.apply("the op")
    house.run()


def state_of(house, process="web:1"):
    return house.fleet.runners[process].record.state


def undisturbed(old, new):
    house = House(old)
    house.run()
    before = house.keeper.frames
    apply(house, new)
    end = house.state(), house.lives(), house.keeper.frames - before
    house.close()
    return end


@settings(max_examples=60, deadline=None)
@given(old=sites(), new=sites(), data=st.data())
def test_an_apply_that_is_cut_anywhere_is_finished(old, new, data):
    state, lives, frames = undisturbed(old, new)
    cut = data.draw(st.integers(1, frames), label="the daemon dies after frame")
    house = House(old)
    house.run()
    house.keeper.dies_after = house.keeper.frames + cut
    with pytest.raises(Death):
        apply(house, new)
    house.next_daemon()
    house.run()
    assert house.supervisor.apply("the op") == house.supervisor.stored.plan  # asked again: obeyed once
    house.run()
    assert house.state() == state
    assert house.lives() == lives
    assert sorted(house.keeper.births) == sorted(set(house.keeper.births))
    assert [told.seq for told in house.bus.after(0)] == list(range(1, house.bus.last + 1))
    house.close()


@settings(max_examples=60, deadline=None)
@given(old=sites(), new=sites())
def test_to_reconcile_twice_is_to_reconcile_once(old, new):
    house = House(old)
    house.run()
    apply(house, new)
    frames, state = house.keeper.frames, house.state()
    house.fleet.reconcile()
    house.run()
    assert (house.keeper.frames, house.state()) == (frames, state)
    assert list(house.fleet.runners) == [process for each in new.programs for process in each.processes]
    house.close()


@settings(max_examples=40, deadline=None)
@given(given_site=sites(), verb=st.sampled_from(["stop", "restart", "kill", "start"]), data=st.data())
def test_a_command_that_is_cut_anywhere_is_finished(given_site, verb, data):
    def begin():
        house = House(given_site)
        house.run()
        return house, house.keeper.frames

    def ask(house):
        house.supervisor.command(verb, list(house.fleet.runners), "one op")
        house.run()

    calm, before = begin()
    ask(calm)
    frames = calm.keeper.frames - before
    if frames:
        house, before = begin()
        house.keeper.dies_after = before + data.draw(st.integers(1, frames), label="the daemon dies after frame")
        with pytest.raises(Death):
            ask(house)
        house.next_daemon()
        house.run()
        ask(house)  # the client asks again
        assert house.state() == calm.state()
        assert {process: sorted(told) for process, told in house.lives().items()} == {
            process: sorted(told) for process, told in calm.lives().items()
        }
        house.close()
    calm.close()


def test_what_is_removed_and_added_again_while_it_stops_is_started(make):
    web, other = program("web"), program("other")
    house = make(web, other)
    house.run()
    house.files = site(other)
    house.supervisor.apply("away")
    assert state_of(house) is State.STOPPING
    house.files = site(web, other)
    house.supervisor.apply("back")
    house.run()
    assert state_of(house) is State.UP


def test_what_gave_up_is_tried_again_when_its_policy_changes(make):
    failing = program("web", "false", restart=Restart.NEVER)
    house = make(failing)
    house.run()
    assert state_of(house) is State.GAVE_UP
    births = len(house.keeper.births)
    apply(house, site(dataclasses.replace(failing, stop_timeout=3.0)))
    assert len(house.keeper.births) == births + 1
    house.next_daemon()
    house.run()
    assert len(house.keeper.births) == births + 1


def test_what_left_is_stopped_by_its_own_rules_even_after_a_death(make):
    web = program("web", stop_signal=2)
    house = make(web)
    house.run()
    house.files = site()
    house.keeper.dies_after = house.keeper.frames + 1  # the configuration is in force, nothing has followed
    with pytest.raises(Death):
        house.supervisor.apply("op")
    house.next_daemon()
    house.run()
    assert house.fleet.runners == {}
    assert [told.fact.status for told in house.bus.after(0) if type(told.fact).__name__ == "ProcessExited"] == [-2]


def test_an_essential_end_while_no_daemon_was_there_stops_the_others_in_order(make):
    house = make(program("first", essential=True, restart=Restart.NEVER), program("db"), program("web", after=("db",)))
    house.run()
    token = house.fleet.runners["first:1"].record.token
    house.keeper._exit(token, 3)
    house.next_daemon()
    assert not house.over, "the others still run"
    house.run()
    assert house.keeper.ended == 3
    exits = [told.fact.process for told in house.bus.after(0) if type(told.fact).__name__ == "ProcessExited"]
    assert exits == ["first:1", "web:1", "db:1"]


def test_a_stop_of_the_house_goes_on_and_starts_nothing(make):
    house = make(program("db"), program("web", after=("db",)), program("late", after=("job",)), program("job", "false"))
    for _ in range(6):
        if house.keeper.news:
            house.supervisor.message(house.keeper.news.pop(0))
    house.supervisor.down("asked")
    births = len(house.keeper.births)
    house.next_daemon()
    with pytest.raises(Busy):
        house.supervisor.command("start", ["db:1"], "op")
    with pytest.raises(Busy):
        house.supervisor.apply("op")
    house.run()
    assert house.keeper.ended == 0
    assert len(house.keeper.births) == births
    assert [type(told.fact).__name__ for told in house.bus.after(0)].count("Stopping") == 1


def test_a_schedule_that_is_fired_twice_runs_once(make):
    house = make(task("job", schedule="* * * * *"))
    house.run()
    assert house.keeper.births == []
    house.supervisor.due("job", 60.0)
    house.supervisor.due("job", 60.0)
    house.run()
    house.next_daemon()
    house.supervisor.due("job", 60.0)
    house.run()
    assert house.keeper.births == ["job:1#1"]
    house.supervisor.due("job", 120.0)
    house.supervisor.due("job", 180.0)  # while the run of 120 still goes on
    house.run()
    assert house.keeper.births == ["job:1#1", "job:1#2"]
    assert [type(told.fact).__name__ for told in house.bus.after(0)].count("ScheduleSkipped") == 1


def test_an_exit_that_no_daemon_saw_is_no_readiness(make):
    house = make(program("web", start_seconds=5.0, restart=Restart.NEVER))
    token = house.fleet.runners["web:1"].record.token
    house.clock.now += 1
    house.keeper._exit(token, 4)
    house.clock.now += 10
    house.next_daemon()
    house.run()
    assert house.lives()["web:1"] == ["ProcessStarted", "ProcessExited", "ProcessGaveUp"]


def test_names_are_known_or_refused(make):
    house = make(program("web", copies=2), program("db"))
    assert house.supervisor.select(["web"]) == ["web:1", "web:2"]
    with pytest.raises(UnknownName, match="web"):
        house.supervisor.select(["wep"])
