"""Cron expressions: when a scheduled program runs next, in the local time zone.

Five fields (minute, hour, day of month, month, day of week), or six with seconds first. Where the clock changes,
Debian cron's rules hold: a run that falls into the missing hour happens right after it, one in the doubled hour once.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, tzinfo


class BadSchedule(ValueError):
    """The expression is malformed, or no date ever matches it."""


def next_fire(expression: str, after: datetime) -> datetime | None:
    """The first time after `after` (an aware time) that matches; None when there is none within fifty years.

    Raises BadSchedule.
    """
    from cronsim import CronSim, CronSimError

    try:
        # In the doubled hour cronsim thinks of the first one, which may lie before `after`.
        times = CronSim(expression, after.astimezone(local_zone()))
        return next((time for time in times if time.timestamp() > after.timestamp()), None)
    except CronSimError as error:
        raise BadSchedule(_explain(expression, str(error))) from None


def check(expression: str) -> None:
    """Raise BadSchedule unless the expression is well-formed and fires some day."""
    if next_fire(expression, datetime.now(UTC)) is None:
        raise BadSchedule("it never fires: no date within fifty years matches it")


def local_zone() -> tzinfo:
    """The zone of this machine with its rules, so that a time next month gets next month's offset."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    name = os.environ.get("TZ", "").removeprefix(":")
    try:
        if name and not os.path.isabs(name):
            return ZoneInfo(name)
        with open(name or "/etc/localtime", "rb") as file:
            return ZoneInfo.from_file(file, key="localtime")
    except (OSError, ValueError, ZoneInfoNotFoundError):
        return datetime.now().astimezone().tzinfo or UTC


def _explain(expression: str, message: str) -> str:
    """Why cronsim refused it: when each field alone is fine, it is the day that does not exist in that month."""
    fields = expression.split()
    if len(fields) not in {5, 6}:
        return f"it has {len(fields)} field{'s' if len(fields) != 1 else ''}, not five"
    if _accepted([*fields[:-2], "*", fields[-1]]) and _accepted([*fields[:-3], "*", *fields[-2:]]):
        return "it never fires: there is no such day in that month"
    return f"its field {message.removeprefix('Bad ')} is not understood"


def _accepted(fields: list[str]) -> bool:
    from cronsim import CronSim, CronSimError

    try:
        CronSim(" ".join(fields), datetime.now(UTC))
    except CronSimError:
        return False
    return True
