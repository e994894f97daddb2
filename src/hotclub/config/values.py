"""Single values: text and numbers of a file to what the model wants.

Each reader takes a value as the file has it and returns what it means, or raises `Wrong` with the reason and an
example in which KEY stands for the key's name.
"""

from __future__ import annotations

import math
import re
import shlex
import signal
from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlsplit

E = TypeVar("E", bound=StrEnum)

_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+")
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?i?b)", re.IGNORECASE)
_BYTES: dict[str, int] = (
    {"b": 1}
    | {f"{p}b": 1000**n for n, p in enumerate("kmgt", 1)}
    | {f"{p}ib": 1024**n for n, p in enumerate("kmgt", 1)}
)
_SHELL_WORDS = frozenset({"&&", "||", "|", ";", "&", ">", ">>", "<", "2>&1", "2>"})
_KEPT_NAMES = frozenset({"HOTCLUB_HOUSE", "HOTCLUB_TOKEN", "HOTCLUB_LINK"})
_ENV_NAME = re.compile(r"[^=\0]+")


class Wrong(ValueError):
    """This value will not do: why, and an example that does (or another next step)."""

    def __init__(self, reason: str, example: str = "", *, next_step: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.example = example
        self.next_step = next_step


def found(value: object) -> str:
    """What stands in the file, for people."""
    match value:
        case bool():
            return f"the boolean {str(value).lower()}"
        case int() | float():
            return f"the number {value}"
        case str():
            return f'the string "{value if len(value) <= 40 else value[:37] + "..."}"'
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return f"the date {value}"


def text(value: object) -> str:
    if not isinstance(value, str):
        raise Wrong(f"is {found(value)}, not a string", f'KEY = "{_quoted(value)}"')
    if not value.strip() or "\0" in value:
        raise Wrong("is empty" if not value.strip() else "has a NUL character", 'KEY = "text"')
    return value


def flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise Wrong(f"is {found(value)}, neither true nor false", "KEY = true")
    return value


def whole(minimum: int, maximum: int = 2**31 - 1) -> Callable[[object], int]:
    """A reader of whole numbers from `minimum` to `maximum`."""
    example = f"KEY = {max(minimum, 2)}"

    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise Wrong(f"is {found(value)}, not a whole number", example)
        if not minimum <= value <= maximum:
            raise Wrong(f"is {value}, less than {minimum}" if value < minimum else f"is {value}, too large", example)
        return value

    return read


def number(minimum: float, maximum: float = math.inf) -> Callable[[object], float]:
    """A reader of numbers from `minimum` to `maximum`."""
    example = f"KEY = {max(minimum, min(2.0, maximum))}"

    def read(value: object) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise Wrong(f"is {found(value)}, not a number", example)
        if not minimum <= value <= maximum or not math.isfinite(value):
            limits = f"not at least {minimum}" if maximum == math.inf else f"not between {minimum} and {maximum}"
            raise Wrong(f"is {value}, {limits}", example)
        return float(value)

    return read


def duration(value: object) -> float:
    """Seconds: a number, or text such as `10s`, `500ms`, `1h30m`."""
    example = 'KEY = "10s" (units: ms, s, m, h, d; a number means seconds)'
    if isinstance(value, int | float) and not isinstance(value, bool):
        if value < 0 or not math.isfinite(value):
            raise Wrong(f"is {value}, not a length of time", example)
        return float(value)
    if not isinstance(value, str) or not _DURATION.fullmatch(value.replace(" ", "")):
        raise Wrong(f"is {found(value)}, not a length of time", example)
    return sum(float(count) * _SECONDS[unit] for count, unit in _DURATION_PART.findall(value.replace(" ", "")))


def size(value: object) -> int:
    """Bytes: a number, or text such as `50MB` (1000s) or `64KiB` (1024s)."""
    example = 'KEY = "50MB" (units: B, KB, MB, GB, TB, KiB, MiB, GiB, TiB; a number means bytes)'
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise Wrong(f"is {found(value)}, not a size", example)
    return round(float(match[1]) * _BYTES[match[2].lower()])


def names(value: object) -> tuple[str, ...]:
    """A list of strings without repetitions."""
    example = 'KEY = ["redis", "migrate"]'
    if not isinstance(value, list):
        raise Wrong(f"is {found(value)}, not a list of names", example)
    other = next((each for each in value if not isinstance(each, str)), None)
    if other is not None:
        raise Wrong(f"has {found(other)} in it, which is no name", example)
    twice = next((each for each in value if value.count(each) > 1), None)
    if twice is not None:
        raise Wrong(f'names "{twice}" twice', next_step="remove one")
    return tuple(value)


def one_or_many(value: object) -> tuple[str, ...]:
    """A string or a list of strings."""
    many = value if isinstance(value, list) else [value]
    if not all(isinstance(each, str) and each and "\0" not in each for each in many):
        raise Wrong(f"is {found(value)}, neither a string nor a list of strings", 'KEY = ".env"')
    return tuple(many)


def optional_path(value: object) -> str | None:
    """A path, or false for none."""
    return None if value is False else text(value)


def choice(kind: type[E]) -> Callable[[object], E]:
    """A reader of the values of an enumeration."""
    values = [member.value for member in kind]

    def read(value: object) -> E:
        if value not in values:
            quoted = ", ".join(f'"{each}"' for each in values)
            raise Wrong(f"is {found(value)}, not one of {quoted}", f'KEY = "{values[0]}"')
        return kind(value)

    return read


def signal_number(value: object) -> int:
    """`TERM`, `SIGTERM` or 15."""
    if isinstance(value, int) and not isinstance(value, bool) and value in signal.valid_signals():
        return value
    if isinstance(value, str):
        name = value.upper().removeprefix("SIG")
        member = getattr(signal, f"SIG{name}", None)
        if isinstance(member, signal.Signals):
            return int(member)
    raise Wrong(f"is {found(value)}, not a signal", 'KEY = "TERM"')


def umask(value: object) -> int:
    """Octal digits in a string: a bare number could be read as octal or as decimal."""
    if isinstance(value, str) and re.fullmatch(r"(0o|0)?[0-7]{1,3}", value):
        return int(value, 8)
    raise Wrong(f"is {found(value)}, not octal digits in quotes", 'KEY = "022"')


def command(value: object) -> tuple[str, ...]:
    """The words of a command: a list as it is, a string as a shell would split it."""
    example = 'KEY = "redis-server --port 6390"'
    if isinstance(value, list):
        if not value or not all(isinstance(each, str) and "\0" not in each for each in value) or not value[0]:
            raise Wrong(
                "is not a list of strings that begins with a program", 'KEY = ["redis-server", "--port", "6390"]'
            )
        return tuple(value)
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise Wrong(f"is {found(value)}, not a command", example)
    try:
        words = shlex.split(value)
    except ValueError as error:
        raise Wrong(f"cannot be split into words: {str(error).lower()}", next_step="close the quote") from None
    if not words or not words[0]:
        raise Wrong("has no words", example)
    shell = next((word for word in words if word in _SHELL_WORDS and word in value.split()), None)
    if shell is not None:
        raise Wrong(
            f"has the word {shell}, which only a shell understands", 'KEY = ["/bin/sh", "-c", "first && second"]'
        )
    return tuple(words)


def env(value: object) -> tuple[tuple[str, str], ...]:
    """A table of strings."""
    if not isinstance(value, dict):
        raise Wrong(f"is {found(value)}, not a table", 'KEY = { DEBUG = "0" }')
    for name, content in value.items():
        if not _ENV_NAME.fullmatch(name):
            raise Wrong(f'has the name "{name}", which no variable can have', 'KEY = { DEBUG = "0" }')
        if name in _KEPT_NAMES:
            raise Wrong(f"sets {name}, which hotclub needs itself", next_step="remove it")
        if not isinstance(content, str) or "\0" in content:
            bad = "a string with a NUL character" if isinstance(content, str) else found(content)
            raise Wrong(f"{name} is {bad}, and variables are strings", f'KEY = {{ {name} = "{_quoted(content)}" }}')
    return tuple(sorted(value.items()))


def _quoted(content: object) -> str:
    match content:
        case bool():
            return "1" if content else "0"
        case int() | float():
            return str(content)
        case _:
            return "text"


def address(value: object) -> tuple[str, int]:
    """`host:port`, with brackets around an IPv6 address."""
    example = 'KEY = "127.0.0.1:8001"'
    if not isinstance(value, str):
        raise Wrong(f"is {found(value)}, not an address", example)
    host, colon, port = value.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not host or (":" in host and not bracketed) or any(each.isspace() for each in host):
        raise Wrong(f"is {found(value)}, not host:port", example)
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise Wrong(f'has the port "{port}", not a number from 1 to 65535', example)
    return host[1:-1] if bracketed else host, int(port)


def http_url(value: object) -> str:
    """An http URL with a host."""
    example = 'KEY = "http://127.0.0.1:8000/healthz"'
    written = text(value)
    try:
        parts = urlsplit(written)
        valid = parts.scheme == "http" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or any(each.isspace() for each in written) or not written.isascii():
        raise Wrong(f"is {found(value)}, not an http:// address (https is not probed)", example)
    return written
