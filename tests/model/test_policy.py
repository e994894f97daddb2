from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.model.samples import program

from hotclub.model.policy import Verdict, delay, describe, is_good, runs_once, spend, verdict
from hotclub.model.spec import Backoff, Kind, Restart

BACKOFFS = st.builds(
    Backoff,
    first=st.floats(0, 100),
    factor=st.floats(1, 10),
    cap=st.floats(0, 1000),
    jitter=st.floats(0, 1),
)


def test_delays_grow_to_the_cap() -> None:
    plain = Backoff(first=0.5, factor=2.0, cap=5.0, jitter=0.0)
    assert [delay(plain, failures, "web:1") for failures in range(1, 7)] == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


def test_jitter_sets_copies_apart_and_is_the_same_each_time() -> None:
    delays = [delay(Backoff(), 3, f"web:{n}") for n in range(1, 9)]
    assert len(set(delays)) == 8
    assert delays == [delay(Backoff(), 3, f"web:{n}") for n in range(1, 9)]


@given(backoff=BACKOFFS, failures=st.integers(1, 100_000))
def test_a_delay_lies_between_first_and_cap_and_its_jitter(backoff: Backoff, failures: int) -> None:
    found = delay(backoff, failures, "web:1")
    assert min(backoff.first, backoff.cap) <= found <= backoff.cap * (1 + backoff.jitter)


def test_no_budget_keeps_nothing() -> None:
    assert spend(Backoff(max_restarts=0), (1.0, 2.0), 3.0) == ()


@given(times=st.lists(st.floats(0, 200), max_size=30), allowed=st.integers(1, 5))
def test_never_more_restarts_in_a_window_than_allowed(times: list[float], allowed: int) -> None:
    backoff = Backoff(max_restarts=allowed, window=60.0)
    restarts: tuple[float, ...] = ()
    granted = []
    for now in sorted(times):
        spent = spend(backoff, restarts, now)
        if spent is not None:
            restarts = spent
            granted.append(now)
        assert len(restarts) <= allowed
    assert all(later - first >= 60.0 for first, later in zip(granted, granted[allowed:], strict=False))


def test_who_runs_once() -> None:
    assert not runs_once(program())
    assert runs_once(program(kind=Kind.TASK))
    assert runs_once(program(schedule="0 4 * * *"))


@pytest.mark.parametrize(
    ("was_up", "uptime", "good"), [(True, 0.5, True), (True, 0.4, False), (False, 60.0, False)]
)  # fmt: skip
def test_a_good_run_was_ready_and_lived(was_up: bool, uptime: float, good: bool) -> None:
    assert is_good(program(), was_up, uptime) is good
    assert not is_good(program(kind=Kind.TASK), was_up, uptime)


@pytest.mark.parametrize(
    ("restart", "status", "good", "follows"),
    [
        (Restart.ALWAYS, 0, True, Verdict.RESTART),
        (Restart.ALWAYS, 0, False, Verdict.RETRY),
        (Restart.ON_FAILURE, 0, False, Verdict.DONE),
        (Restart.ON_FAILURE, 1, True, Verdict.RESTART),
        (Restart.ON_FAILURE, 1, False, Verdict.RETRY),
        (Restart.NEVER, 0, True, Verdict.DONE),
        (Restart.NEVER, 1, True, Verdict.GIVE_UP),
    ],
)
def test_verdict(restart: Restart, status: int, good: bool, follows: Verdict) -> None:
    assert verdict(program(restart=restart), status, good) is follows


def test_describe() -> None:
    assert describe(3) == "exited with status 3"
    assert describe(-15) == "killed by SIGTERM"
    assert describe(-36) == "killed by signal 36"
