"""What is wrong with a configuration, said the same way everywhere.

A problem names the place, the subject, the reason and the next step. All that can be found is found in one go, so
one error carries many problems.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # dataclasses are slow to import, and the everyday verbs have no use for a Where
    from collections.abc import Iterable

    from hotclub.model.spec import Where


class Problem(NamedTuple):
    """One thing that is wrong; `str()` is its one line for people."""

    where: Where
    subject: str
    reason: str
    next_step: str

    def __str__(self) -> str:
        return f"{self.where}: {self.subject}: {self.reason}; {self.next_step}"


class ConfigError(Exception):
    """A configuration that cannot be used; `str()` has one line per problem."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def refuse(file: str, subject: str, reason: str, next_step: str, *, line: int = 0) -> ConfigError:
    """An error with a single problem, to be raised."""
    from hotclub.model.spec import Where

    return ConfigError([Problem(Where(file, line), subject, reason, next_step)])
