"""Reading a table key by key.

Whatever is wrong is noted and reading goes on with the default, so that one run finds every mistake. The keys that
were asked for are the keys there are: `end` complains about all others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from hotclub.config.errors import Problem
from hotclub.config.lines import Path
from hotclub.config.toml import Document
from hotclub.config.values import Wrong, found
from hotclub.model.spec import Where

T = TypeVar("T")
D = TypeVar("D")


class Table:
    """One table of a document, or an empty one where the document has none."""

    def __init__(self, document: Document, problems: list[Problem], path: Path = (), data: object = None) -> None:
        self.document = document
        self.problems = problems
        self.path = path
        self.keys: set[str] = set()
        if data is not None and not isinstance(data, dict):
            self.wrong(None, f"is {found(data)}, not a table", f"write [{self.header()}] and its keys below")
        self.data: dict[str, Any] = data if isinstance(data, dict) else {}

    def __contains__(self, key: str) -> bool:
        return key in self.data

    def where(self, key: str | None = None) -> Where:
        return self.document.where(self.path if key is None else (*self.path, key))

    def subject(self, key: str | None = None) -> str:
        return ".".join(self.path if key is None else (*self.path, key))

    def header(self, *below: str) -> str:
        """What stands in brackets above the table, or above one below it."""
        return ".".join((*self.document.prefix, *self.path, *below))

    def wrong(self, key: str | None, reason: str, next_step: str) -> None:
        """Note a problem of `key`, or of the table itself."""
        self.problems.append(Problem(self.where(key), self.subject(key), reason, next_step))

    def get(self, key: str, read: Callable[[Any], T], default: D) -> T | D:
        """The value of `key` as `read` understands it; the default when it is missing or wrong."""
        self.keys.add(key)
        if key not in self.data:
            return default
        try:
            return read(self.data[key])
        except Wrong as wrong:
            example = wrong.example.replace("KEY", key)
            self.wrong(key, wrong.reason, f"write for example {example}" if wrong.example else wrong.next_step)
            return default

    def table(self, key: str) -> Table:
        """The table under `key`."""
        self.keys.add(key)
        return Table(self.document, self.problems, (*self.path, key), self.data.get(key))

    def end(self, hint: str = "") -> None:
        """Complain about keys that nobody asked for."""
        for key in self.data:
            if key not in self.keys:
                self.wrong(key, "there is no such key", hint or suggest(key, self.keys, "keys"))


def suggest(name: str, known: Iterable[str], what: str) -> str:
    """The next step for a name that does not exist."""
    import difflib

    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return f"the {what} are: {', '.join(names)}" if names else "define it, or remove this name"
