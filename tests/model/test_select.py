from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.model.samples import program, site

from hotclub.model.select import UnknownName, display_name, name_of, select

SITE = site(
    program("web", copies=2),
    program("tasks", copies=2),
    program("beat"),
    program("redis"),
    groups={"back": ("tasks", "beat"), "tools": ("redis", "beat")},
)
WEB, TASKS = ["web:1", "web:2"], ["tasks:1", "tasks:2"]
ALL = [*WEB, *TASKS, "beat:1", "redis:1"]


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [
        ("web", WEB),
        ("web:2", ["web:2"]),
        ("redis:1", ["redis:1"]),
        ("back:", [*TASKS, "beat:1"]),
        ("back:*", [*TASKS, "beat:1"]),
        ("back:tasks", TASKS),
        ("back:tasks:2", ["tasks:2"]),
        ("back:t*", TASKS),
        ("tools:beat", ["beat:1"]),
        ("*", ALL),
        ("*:*", ALL),
        ("t*", TASKS),
        ("*:2", ["web:2", "tasks:2"]),
        ("web:*", WEB),
        ("[wr]*", [*WEB, "redis:1"]),
        ("be?t", ["beat:1"]),
    ],
)
def test_what_a_name_means(pattern: str, meant: list[str]) -> None:
    assert select(SITE, [pattern]) == meant


def test_several_names_keep_the_order_and_no_doubles() -> None:
    assert select(SITE, ["redis", "back:", "t*", "web:2", "redis"]) == ["web:2", *TASKS, "beat:1", "redis:1"]
    assert select(SITE, []) == []


@pytest.mark.parametrize(
    ("pattern", "nearest"),
    [
        ("wbe", "web"),
        ("redsi", "redis"),
        ("back:task", "back:tasks"),
        ("taks:1", "tasks:1"),
    ],
)
def test_unknown_names_come_with_the_nearest(pattern: str, nearest: str) -> None:
    with pytest.raises(UnknownName, match="did you mean") as raised:
        select(SITE, ["web", pattern])
    assert raised.value.pattern == pattern
    assert raised.value.nearest[0] == nearest
    assert pattern in str(raised.value)
    assert nearest in str(raised.value)


@pytest.mark.parametrize("pattern", ["web:3", "back", "web:", "nothing:like:this", "", ":", "z*", "back:web", "x:*"])
def test_what_nothing_is_called(pattern: str) -> None:
    with pytest.raises(UnknownName):
        select(SITE, [pattern])


def test_unknown_without_neighbours_says_where_to_look() -> None:
    with pytest.raises(UnknownName, match="`hotclub status` lists all names"):
        select(SITE, ["zzzzzz"])


def test_display_name() -> None:
    assert display_name(SITE, "redis:1") == "redis"
    assert display_name(SITE, "web:1") == "web:1"
    assert display_name(SITE, "redis:2") == "redis:2"  # a copy on its way out
    assert display_name(SITE, "removed:1") == "removed:1"
    assert name_of(None, "web:1") == "web:1"


@given(st.lists(st.sampled_from(ALL), max_size=8))
def test_ids_mean_themselves(ids: list[str]) -> None:
    assert select(SITE, ids) == [process for process in ALL if process in ids]


@given(st.lists(st.sampled_from(ALL), min_size=1, max_size=8))
def test_displayed_names_find_their_processes(ids: list[str]) -> None:
    assert select(SITE, [display_name(SITE, process) for process in ids]) == select(SITE, ids)


@given(st.text(alphabet="web:*?[]!t1-", max_size=8))
def test_no_pattern_breaks_it(pattern: str) -> None:
    with suppress(UnknownName):
        assert set(select(SITE, [pattern])) <= set(ALL)
