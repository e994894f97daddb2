r"""Env files: `KEY=VALUE` lines, as `.env` files have them.

`export ` before a key, blank lines and `#` comments are allowed. Within single quotes everything is literal; within
double quotes `\n`, `\t`, `\"`, `\$` and `\\` are escapes. An unquoted value ends before ` #`. Nothing is
expanded, and a value does not go over several lines.
"""

from __future__ import annotations

import re

from hotclub.config.errors import ConfigError, Problem, refuse
from hotclub.model.spec import Where

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
_QUOTED = re.compile(r"""(?:'([^']*)'|"((?:[^"\\]|\\.)*)")\s*(?:\#.*)?""")
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_COMMENT = re.compile(r"(?:^|\s+)#.*")


def read(path: str) -> dict[str, str]:
    """The variables of the file; the last of two with the same name wins. Raises ConfigError."""
    try:
        with open(path, "rb") as file:
            text = file.read().decode()
    except OSError as error:
        raise refuse(path, "env file", f"cannot be read: {error.strerror}", "create it, or correct env_file") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise refuse(path, "env file", "is not UTF-8 text", "save it as UTF-8", line=line) from None
    return parse(text, path)


def parse(text: str, path: str) -> dict[str, str]:
    """The variables of `text`; `path` is for the error."""
    variables: dict[str, str] = {}
    problems: list[Problem] = []
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        try:
            key, value = _parse_line(stripped)
        except ValueError as error:
            problems.append(Problem(Where(path, number), "env file", str(error), 'write KEY=value or KEY="a value"'))
        else:
            variables[key] = value
    if problems:
        raise ConfigError(problems)
    return variables


def _parse_line(line: str) -> tuple[str, str]:
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError("this line is not KEY=VALUE")
    key, value = match.groups()
    if "\0" in value:
        raise ValueError(f"the value of {key} has a NUL character")
    if not value.startswith(("'", '"')):
        return key, _COMMENT.sub("", value, count=1)
    quoted = _QUOTED.fullmatch(value)
    if quoted is None:
        raise ValueError(f"the quotes of {key} are not closed at the end of the line")
    literal, escaped = quoted.groups()
    return key, literal if literal is not None else _ESCAPE.sub(lambda m: _ESCAPES.get(m[1], m[1]), escaped)
