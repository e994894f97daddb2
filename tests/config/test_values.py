import math
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotclub.config import values
from hotclub.config.values import Wrong

JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
READERS = [
    values.text,
    values.flag,
    values.whole(1),
    values.number(0.0, 1.0),
    values.duration,
    values.size,
    values.names,
    values.one_or_many,
    values.optional_path,
    values.signal_number,
    values.umask,
    values.command,
    values.env,
    values.address,
    values.http_url,
]


@pytest.mark.parametrize("reader", READERS)
@given(value=JSON_LIKE)
def test_every_reader_reads_or_says_what_is_wrong(reader, value):
    said = None
    try:
        reader(value)
    except Wrong as wrong:
        said = wrong
    assert said is None or (said.reason and (said.example or said.next_step))


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (0, 0),
        (3, 3),
        (0.5, 0.5),
        ("10s", 10),
        ("500ms", 0.5),
        ("5m", 300),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("2d", 172800),
    ],
)
def test_durations(written, seconds):
    assert values.duration(written) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "written", ["", "10", "s", "10 parsecs", "-3s", -1, True, None, [], math.inf, math.nan, "1m x"]
)
def test_what_is_no_duration(written):
    with pytest.raises(Wrong, match="not a length of time"):
        values.duration(written)


@given(hours=st.integers(0, 99), minutes=st.integers(0, 99), ms=st.integers(0, 10_000))
def test_durations_add_up(hours, minutes, ms):
    assert values.duration(f"{hours}h{minutes}m{ms}ms") == pytest.approx(hours * 3600 + minutes * 60 + ms / 1000)


@pytest.mark.parametrize(
    ("written", "size"),
    [(0, 0), (7, 7), ("7B", 7), ("50MB", 50_000_000), ("64KiB", 65536), ("1.5 GiB", 3 << 29), ("10kb", 10_000)],
)
def test_sizes(written, size):
    assert values.size(written) == size


@given(count=st.integers(0, 10**6), power=st.integers(0, 4))
def test_sizes_in_both_systems(count, power):
    for base, infix in ((1000, ""), (1024, "i")):
        unit = f"{'kmgt'[power - 1].upper()}{infix}B" if power else "B"
        assert values.size(f"{count}{unit}") == count * base**power


@pytest.mark.parametrize("written", ["", "10", "MB", "10 XB", -1, 1.5, True, [], "1e3B"])
def test_what_is_no_size(written):
    with pytest.raises(Wrong, match="not a size"):
        values.size(written)


@pytest.mark.parametrize("written", ["TERM", "SIGTERM", "term", 15])
def test_signals(written):
    assert values.signal_number(written) == signal.SIGTERM


@pytest.mark.parametrize("written", ["", "SIG", "SIG_DFL", "DFL", "TERMINATE", 0, 99, True, None])
def test_what_is_no_signal(written):
    with pytest.raises(Wrong, match="not a signal"):
        values.signal_number(written)


@pytest.mark.parametrize(("written", "mask"), [("022", 0o22), ("0o027", 0o27), ("7", 7), ("0077", 0o77)])
def test_umasks(written, mask):
    assert values.umask(written) == mask


@pytest.mark.parametrize("written", [22, 0o22, "8", "", "1000", "9999", None, "-22"])
def test_what_is_no_umask(written):
    with pytest.raises(Wrong, match="octal digits in quotes"):
        values.umask(written)


def test_commands():
    assert values.command("python -c 'print(1)' \"a b\"") == ("python", "-c", "print(1)", "a b")
    assert values.command(["a", "", "$HOME"]) == ("a", "", "$HOME")
    assert values.command("awk '{ a ; b }' \"x && y\"") == ("awk", "{ a ; b }", "x && y")


@pytest.mark.parametrize("written", ["a && b", "a | b", "a > b", "a ; b", "a 2>&1"])
def test_a_command_for_a_shell(written):
    with pytest.raises(Wrong, match="which only a shell understands"):
        values.command(written)


@pytest.mark.parametrize("written", [[], [""], [1], "", " ", "''", '"open', "nul\0", ["nul\0"], {}])
def test_what_is_no_command(written):
    with pytest.raises(Wrong):
        values.command(written)


@pytest.mark.parametrize(
    ("written", "address"),
    [("127.0.0.1:80", ("127.0.0.1", 80)), ("localhost:6379", ("localhost", 6379)), ("[::1]:8000", ("::1", 8000))],
)
def test_addresses(written, address):
    assert values.address(written) == address


@pytest.mark.parametrize("written", ["", "80", ":80", "::1:80", "a:", "a:0", "a:65536", "a:x", "a b:1", 80, "a:²"])
def test_what_is_no_address(written):
    with pytest.raises(Wrong):
        values.address(written)


@pytest.mark.parametrize("written", ["https://a/", "a", "http://", "http://a:x/", "http://a/ b", "http://[a/", 3])
def test_what_is_no_url(written):
    with pytest.raises(Wrong):
        values.http_url(written)
