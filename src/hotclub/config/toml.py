"""A TOML file as data that knows its lines."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import Any

from hotclub.config.errors import refuse
from hotclub.config.lines import Path, index
from hotclub.model.spec import Where

_PLACE = re.compile(r" \(at line (\d+), column (\d+)\)$| \(at end of document\)$")


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file. `prefix` is the table that is ours; paths are relative to it."""

    file: str
    data: dict[str, Any]
    lines: dict[Path, int]
    prefix: Path = ()

    def where(self, path: Path) -> Where:
        """The place of the key, or of the nearest table around it that has one."""
        full = self.prefix + path
        while full and full not in self.lines:
            full = full[:-1]
        return Where(self.file, self.lines.get(full, 0))


def read(file: str, prefix: Path = ()) -> Document:
    """Parse a file and take the table at `prefix` out of it. Raises ConfigError."""
    text = read_text(file)
    try:
        data: Any = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax(file, text, str(error)) from None
    except RecursionError:
        raise refuse(file, "TOML", "is nested too deeply", "write it flatter") from None
    for part in prefix:
        data = data.get(part, {}) if isinstance(data, dict) else {}
    lines = index(text)
    if not isinstance(data, dict):
        dotted = ".".join(prefix)
        raise refuse(file, dotted, "is not a table", f"write [{dotted}]", line=lines.get(prefix, 0))
    return Document(file, data, lines, prefix)


def read_text(file: str) -> str:
    """The whole file as text with Unix line ends. Raises ConfigError."""
    try:
        with open(file, "rb") as binary:
            raw = binary.read()
    except OSError as error:
        raise refuse(
            file, "configuration", f"cannot be read: {error.strerror}", "check the path and its mode"
        ) from None
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise refuse(file, "configuration", "is not UTF-8 text", "save it as UTF-8", line=line) from None


def _syntax(file: str, text: str, message: str) -> Exception:
    line, place = text.rstrip("\n").count("\n") + 1, ""
    if match := _PLACE.search(message):
        message = message[: match.start()]
        if match[1]:
            line, place = int(match[1]), f" near column {match[2]}"
    reason = message[:1].lower() + message[1:]
    return refuse(file, "TOML", f"{reason}{place}", "correct this line or the one before it", line=line)
