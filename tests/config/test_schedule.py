import zoneinfo
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotclub.config.schedule import BadSchedule, check, next_fire


@pytest.fixture
def berlin(monkeypatch):
    if "Europe/Berlin" not in zoneinfo.available_timezones():
        pytest.skip("needs the time zone database")
    monkeypatch.setenv("TZ", "Europe/Berlin")


def at(text):
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("expression", "after", "then"),
    [
        ("15 3 * * *", "2026-11-23T20:00+01:00", "2026-11-24T03:15+01:00"),
        ("*/10 * * * *", "2026-11-23T20:00+01:00", "2026-11-23T20:10+01:00"),
        ("0 0 29 2 *", "2026-11-23T20:00+01:00", "2028-02-29T00:00+01:00"),
        ("*/15 * * * * *", "2026-11-23T20:00:01+01:00", "2026-11-23T20:00:15+01:00"),
        ("30 2 * * *", "2026-03-28T12:00+01:00", "2026-03-29T03:00+02:00"),  # 02:30 does not exist that day
        ("30 2 * * *", "2026-10-24T12:00+02:00", "2026-10-25T02:30+02:00"),  # the first of two
        ("30 2 * * *", "2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"),
        ("30 2 * * *", "2026-10-25T02:10+01:00", "2026-10-26T02:30+01:00"),  # the doubled hour, second time
        ("0 3 * * *", "2026-11-23T19:30+00:00", "2026-11-24T03:00+01:00"),  # asked in another zone
    ],
)
def test_next(berlin, expression, after, then):
    fired = next_fire(expression, at(after))
    assert fired is not None
    assert fired.timestamp() == at(then).timestamp()


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("0 0 30 2 *", "it never fires: there is no such day in that month"),
        ("0 0 31 2,4 *", "it never fires: there is no such day in that month"),
        ("0 0 32 * *", "its field day-of-month is not understood"),
        ("0 0 32 2 *", "its field day-of-month is not understood"),
        ("61 * * * *", "its field minute is not understood"),
        ("* * * FOO *", "its field month is not understood"),
        ("* * *", "it has 3 fields, not five"),
        ("@daily", "it has 1 field, not five"),
        ("", "it has 0 fields, not five"),
    ],
)
def test_bad(expression, reason):
    with pytest.raises(BadSchedule) as error:
        check(expression)
    assert str(error.value) == reason


@pytest.mark.parametrize("zone", ["", "UTC", "America/New_York", ":Asia/Kolkata", "Nowhere/At_All", "/nonexistent"])
def test_any_zone_setting_gives_a_time(monkeypatch, zone):
    monkeypatch.setenv("TZ", zone)
    fired = next_fire("0 12 * * *", datetime.now(UTC))
    assert fired is not None
    assert fired.utcoffset() is not None


FIELDS = st.tuples(
    st.sampled_from(["*", "0", "59", "*/7", "1-5", "61"]),
    st.sampled_from(["*", "0", "23", "24"]),
    st.sampled_from(["*", "1", "30", "31", "L", "32"]),
    st.sampled_from(["*", "2", "2,4", "JAN", "13"]),
    st.sampled_from(["*", "MON", "7", "MON#5", "8"]),
)


@given(FIELDS)
def test_what_check_allows_fires_later(fields):
    expression = " ".join(fields)
    now = datetime(2026, 11, 23, 20, tzinfo=UTC)
    try:
        check(expression)
    except BadSchedule:
        return
    fired = next_fire(expression, now)
    assert fired is not None
    assert fired > now
