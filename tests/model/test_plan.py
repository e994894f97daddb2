from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.model.samples import program, programs, site

from hotclub.model.plan import Action, Change, Plan, diff, spec_key
from hotclub.model.spec import Backoff, Control, Kind, Log, LogFormat, Program, Readiness, Restart, Where

LIVE: dict[str, dict[str, Any]] = {
    "copies": {"copies": 3},
    "stop_signal": {"stop_signal": 2},
    "stop_group": {"stop_group": True},
    "stop_timeout": {"stop_timeout": 1.0},
    "start_seconds": {"start_seconds": 5.0},
    "restart": {"restart": Restart.NEVER},
    "backoff": {"backoff": Backoff(first=9.0)},
    "essential": {"essential": True},
    "after": {"after": ("redis",)},
    "ready": {"ready": Readiness(tcp=("localhost", 1))},
    "schedule": {"schedule": "* * * * *"},
    "log_max_size": {"log": Log(None, max_size=1)},
    "log_total": {"log": Log(None, total=1)},
}
BIRTH: dict[str, dict[str, Any]] = {
    "command": {"argv": ("other",)},
    "kind": {"kind": Kind.TASK},
    "cwd": {"cwd": "/elsewhere"},
    "user": {"user": "www-data"},
    "unix_group": {"unix_group": "www-data"},
    "umask": {"umask": 0o22},
    "env": {"env": (("A", "1"),)},
    "env_file": {"env_file": ("/srv/.env",)},
    "log_file": {"log": Log("/var/log/web.log")},
    "log_format": {"log": Log(None, LogFormat.JSON)},
    "log_stderr": {"log": Log(None, separate_stderr=True)},
}
UNSEEN: dict[str, dict[str, Any]] = {
    "where": {"where": Where("/srv/hotclub.toml", 99)},
    "spelling": {"command": "serve  'web'"},
}


@pytest.mark.parametrize("name", LIVE)
def test_changed_live(name: str) -> None:
    new = program(**LIVE[name])
    assert diff(site(program()), site(new)).changes == (Change("web", Action.LIVE, (name,)),)
    assert spec_key(new) == spec_key(program())


@pytest.mark.parametrize("name", BIRTH)
def test_restart_needed(name: str) -> None:
    new = program(**BIRTH[name])
    assert diff(site(program()), site(new)).changes == (Change("web", Action.RESTART, (name,)),)
    assert spec_key(new) != spec_key(program())


@pytest.mark.parametrize("name", UNSEEN)
def test_no_change_at_all(name: str) -> None:
    new = program(**UNSEEN[name])
    assert diff(site(program()), site(new)) == Plan((Change("web", Action.UNCHANGED),))
    assert spec_key(new) == spec_key(program())


def test_every_field_of_a_program_is_one_of_the_three() -> None:
    covered = {"name"} | {field for kind in (LIVE, BIRTH, UNSEEN) for changes in kind.values() for field in changes}
    assert covered == {field.name for field in fields(Program)}
    covered = {name.removeprefix("log_").replace("stderr", "separate_stderr") for name in {**LIVE, **BIRTH}}
    assert {field.name for field in fields(Log)} <= covered


def test_env_is_a_set_of_names() -> None:
    one, other = program(env=(("A", "1"), ("B", "2"))), program(env=(("B", "2"), ("A", "1")))
    assert diff(site(one), site(other)).empty
    assert spec_key(one) == spec_key(other)


def test_a_restart_names_live_changes_too() -> None:
    plan = diff(site(program()), site(program(copies=2, cwd="/elsewhere", ready=Readiness(exec=("true",)))))
    assert plan.changes == (Change("web", Action.RESTART, ("cwd", "copies", "ready")),)


def test_added_removed_and_their_order() -> None:
    old = site(program("web"), program("gone"), program("tasks"))
    new = site(program("tasks", copies=2), program("redis"), program("web"))
    plan = diff(old, new)
    assert [change.program for change in plan.changes] == ["tasks", "redis", "web", "gone"]
    assert plan.names(Action.LIVE) == ("tasks",)
    assert plan.names(Action.ADDED) == ("redis",)
    assert plan.names(Action.UNCHANGED) == ("web",)
    assert plan.names(Action.REMOVED) == ("gone",)
    assert not plan.empty


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("name", {"name": "other"}),
        ("groups", {"groups": {"back": ("web",)}}),
        ("control", {"control": Control("localhost", 9001, "me", "secret")}),
    ],
)
def test_what_changes_outside_the_programs(name: str, changes: dict[str, Any]) -> None:
    plan = diff(site(program()), site(program(), **changes))
    assert (plan.site, plan.names(Action.UNCHANGED), plan.empty) == ((name,), ("web",), False)


@given(programs())
def test_nothing_changes_against_itself(each: Program) -> None:
    assert diff(site(each), site(replace(each))).empty


@given(st.lists(programs(), max_size=4), st.lists(programs(), max_size=4))
def test_there_and_back_touches_the_same(old: list[Program], new: list[Program]) -> None:
    before = site(*(replace(each, name=f"p{n}") for n, each in enumerate(old)))
    after = site(*(replace(each, name=f"p{n}") for n, each in enumerate(new)))
    there, back = diff(before, after), diff(after, before)
    assert there.names(Action.ADDED) == back.names(Action.REMOVED)
    for action in (Action.UNCHANGED, Action.LIVE, Action.RESTART):
        assert set(there.names(action)) == set(back.names(action))
