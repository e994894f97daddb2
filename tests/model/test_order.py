from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from tests.model.samples import program

from hotclub.model.order import cycle, levels, start_order, stop_order
from hotclub.model.spec import Program

SITE = (
    program("web", after=("migrate", "redis")),
    program("migrate", after=("redis",)),
    program("redis"),
    program("mail"),
    program("tasks", after=("migrate",)),
)


def test_layers_stand_as_in_the_configuration() -> None:
    assert levels(SITE) == (("redis", "mail"), ("migrate",), ("web", "tasks"))
    assert start_order(SITE) == ("redis", "mail", "migrate", "web", "tasks")
    assert stop_order(SITE) == ("tasks", "web", "migrate", "mail", "redis")
    assert levels(()) == ()


def test_unknown_names_are_left_out() -> None:
    assert start_order([program("web", after=("nobody",))]) == ("web",)
    assert cycle([program("web", after=("nobody",))]) is None


def test_a_cycle_reads_as_who_waits_for_whom() -> None:
    circle = [program("a", after=("b",)), program("b", after=("c",)), program("c", after=("a",))]
    assert cycle(circle) == ("a", "b", "c", "a")
    assert cycle([program("a", after=("a",))]) == ("a", "a")
    assert cycle(SITE) is None


def test_a_long_chain_needs_no_deep_stack() -> None:
    chain = [program(f"p{n}", after=(f"p{n + 1}",)) for n in range(3000)]
    assert cycle(chain) is None
    assert start_order(chain)[0] == "p2999"


@st.composite
def graphs(draw: st.DrawFn) -> list[Program]:
    names = [f"p{n}" for n in range(draw(st.integers(0, 7)))]
    waits = st.lists(st.sampled_from(names), max_size=3, unique=True) if names else st.just([])
    return [program(name, after=tuple(draw(waits))) for name in names]


@given(graphs())
def test_either_a_cycle_or_an_order(programs: list[Program]) -> None:
    after = {each.name: each.after for each in programs}
    found = cycle(programs)
    if found is not None:
        assert found[0] == found[-1]
        assert all(later in after[name] for name, later in pairwise(found))
        return
    order = start_order(programs)
    assert sorted(order) == sorted(after)
    assert all(order.index(name) < order.index(each) for each in order for name in after[each])
