"""On which line of a TOML text each key stands.

The standard library's parser gives values without places. This is a second, much simpler walk over a text that the
parser has already accepted: it only has to tell keys from values, so strings, comments and brackets are all it knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

Path = tuple[str, ...]

_BLANK = re.compile(r"(?:[\s,]|#[^\n]*)*")
_PART = re.compile(r"""[ \t]*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+))[ \t]*""")
_STRING = re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}' r"|'''.*?'{3,5}" r"|\"(?:[^\"\\]|\\.)*\"|'[^']*'|#[^\n]*", re.DOTALL)


def index(text: str) -> dict[Path, int]:
    """Line numbers (from 1) by key path; of a path that occurs several times the first."""
    lines: dict[Path, int] = {}
    line, seen = 1, 0
    for path, position in _Walk(text).pairs():
        line += text.count("\n", seen, position)
        seen = position
        for size in range(1, len(path) + 1):
            lines.setdefault(path[:size], line)
    return lines


class _Walk:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def pairs(self) -> Iterator[tuple[Path, int]]:
        """Every key with the position of its first character."""
        table: Path = ()
        while self._blank():
            start = self.position
            if self.text[start] == "[":
                self.position += 2 if self.text.startswith("[[", start) else 1
                table = self._key()
                self.position = self._end_of_line()
                yield table, start
            else:
                yield from self._pair(table)

    def _pair(self, table: Path) -> Iterator[tuple[Path, int]]:
        """`key = value`, and the pairs within the value when that is an inline table."""
        start = self.position
        path = table + self._key()
        yield path, start
        self.position += 1  # the equals sign
        while self.text[self.position : self.position + 1] in {" ", "\t"}:
            self.position += 1
        if self.text.startswith("{", self.position):
            self.position += 1
            while self._blank() and self.text[self.position] != "}":
                yield from self._pair(path)
            self.position += 1
        else:
            self._skip_value()

    def _key(self) -> Path:
        parts: list[str] = []
        while match := _PART.match(self.text, self.position):
            parts.append(next(part for part in match.groups() if part is not None))
            self.position = match.end()
            if not self.text.startswith(".", self.position):
                break
            self.position += 1
        return tuple(parts)

    def _skip_value(self) -> None:
        """To the end of a value that is no inline table: a line's end, or a comma or brace around it."""
        depth = 0
        while self.position < len(self.text):
            if match := _STRING.match(self.text, self.position):
                self.position = match.end()
                continue
            character = self.text[self.position]
            if depth == 0 and character in "\n,}":
                return
            depth += (character in "[{") - (character in "]}")
            self.position += 1

    def _blank(self) -> bool:
        """Skip what is no key and no value; whether anything is left."""
        match = _BLANK.match(self.text, self.position)
        self.position = match.end() if match else self.position
        return self.position < len(self.text)

    def _end_of_line(self) -> int:
        end = self.text.find("\n", self.position)
        return len(self.text) if end < 0 else end
