"""Messages survive the wire; what is none of ours is refused."""

import dataclasses
import types
import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotclub.wire import house

TEXT = st.text(st.characters(exclude_categories=[]), max_size=20)


def values(hint):
    """A strategy for the type of a field."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return st.one_of([values(part) for part in typing.get_args(hint)])
    if typing.get_origin(hint) is list:
        return st.lists(values(typing.get_args(hint)[0]), max_size=4)
    if typing.get_origin(hint) is dict:
        key, value = typing.get_args(hint)
        return st.dictionaries(values(key), values(value), max_size=4)
    return {
        str: TEXT,
        int: st.integers(),
        float: st.floats(allow_nan=False),
        bytes: st.binary(max_size=100),
        type(None): st.none(),
    }[hint]


def messages():
    kinds = typing.get_args(house.Message)
    return st.sampled_from(kinds).flatmap(
        lambda kind: st.fixed_dictionaries({
            name: values(hint) for name, hint in typing.get_type_hints(kind).items()
        }).map(lambda found: kind(**found))
    )  # fmt: skip


@given(messages())
def test_every_message_survives(message):
    assert house.decode(house.encode(message)) == message


def test_every_message_is_known():
    assert {kind.__name__ for kind in typing.get_args(house.Message)} == set(house._TYPES)
    assert all(dataclasses.is_dataclass(kind) for kind in typing.get_args(house.Message))


@given(st.binary(max_size=200))
def test_noise_is_refused(data):
    with pytest.raises(ValueError):
        house.decode(data)


@pytest.mark.parametrize(
    "header", ['{"type":"Nothing"}', '{"type":"Seen"}', '{"type":"Seen","number":1,"x":2}', "[]", "1", '"x"']
)
def test_headers_of_no_message_are_refused(header):
    with pytest.raises(ValueError):
        house.decode(len(header).to_bytes(4, "big") + header.encode())
