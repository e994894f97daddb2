"""A Procfile as it is: `name: command` lines, as foreman and honcho read them.

`.env` beside it is read, here and only here. A line that needs a shell gets one. Each program has `PORT`: the base
(`PORT` of `.env` or of the environment, else 5000) plus 100 for each program above it. A `release` line, which
hosting platforms run before the others, is a task that the others wait for.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace

from hotclub.config import env_file, relations
from hotclub.config.errors import ConfigError, Problem, refuse
from hotclub.config.places import Places
from hotclub.config.programs import default_restart, wrong_name
from hotclub.config.toml import read_text
from hotclub.model.spec import Kind, Log, Program, Site, Where

_LINE = re.compile(r"([^\s:]+)\s*:\s*(\S.*)")
_NEEDS_SHELL = re.compile(r"[$&|;<>()`*?\[\]{}~#!]|^[A-Za-z_][A-Za-z0-9_]*=")
_BASE_PORT = 5000
_PORT_STEP = 100
_RELEASE = "release"


@dataclass(frozen=True, slots=True)
class _Line:
    name: str
    command: str
    argv: tuple[str, ...]
    in_shell: bool
    where: Where


def read(places: Places, environ: Mapping[str, str]) -> Site:
    """The site of a Procfile. Raises ConfigError."""
    dotenv = os.path.join(places.root, ".env")
    variables = env_file.read(dotenv) if os.path.isfile(dotenv) else None
    port = _base_port({**environ, **(variables or {})}, places.file)
    env_files = () if variables is None else (dotenv,)
    lines = _lines(places.file)
    released = any(line.name == _RELEASE for line in lines)
    programs = []
    for index, line in enumerate(lines):
        program = _program(line, places, port + _PORT_STEP * index, env_files)
        programs.append(replace(program, after=(_RELEASE,)) if released and line.name != _RELEASE else program)
    problems = tuple(relations.problems(programs, (), lambda program, _key: program.where))
    if problems:
        raise ConfigError(problems)
    return Site(
        name=places.name,
        root=places.root,
        file=places.file,
        files=(places.file, *env_files),
        programs=tuple(programs),
        log_dir=places.log_dir,
    )


def _program(line: _Line, places: Places, port: int, env_files: tuple[str, ...]) -> Program:
    kind = Kind.TASK if line.name == _RELEASE else Kind.SERVICE
    return Program(
        name=line.name,
        argv=line.argv,
        command=line.command,
        cwd=places.root,
        log=Log(os.path.join(places.log_dir, f"{line.name}.log") if places.log_dir else None),
        where=line.where,
        kind=kind,
        env=(("PORT", str(port)),),
        env_file=env_files,
        stop_group=line.in_shell,
        restart=default_restart(kind, None, essential=False),
    )


def _lines(file: str) -> list[_Line]:
    """The lines that declare something. Raises ConfigError with every bad one."""
    lines: dict[str, _Line] = {}
    problems: list[Problem] = []
    for number, text in enumerate(read_text(file).split("\n"), start=1):
        where = Where(file, number)
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        try:
            line = _parse(text.strip(), where)
        except ValueError as error:
            problems.append(Problem(where, "Procfile", str(error), "write name: command"))
            continue
        first = lines.setdefault(line.name, line)
        if first is not line:
            reason = f'the name "{line.name}" is defined already in {first.where}'
            problems.append(Problem(where, "Procfile", reason, "rename one of the two"))
    if problems:
        raise ConfigError(problems)
    if not lines:
        raise refuse(file, "Procfile", "it has no programs", "write a line name: command")
    return list(lines.values())


def _parse(text: str, where: Where) -> _Line:
    match = _LINE.fullmatch(text)
    if match is None or "\0" in text:
        raise ValueError("this line is not name: command")
    name, command = match.groups()
    reason = wrong_name(name)
    if reason:
        raise ValueError(f'the name "{name}" {reason}')
    if _NEEDS_SHELL.search(command):
        return _Line(name, command, ("/bin/sh", "-c", command), in_shell=True, where=where)
    try:
        return _Line(name, command, tuple(shlex.split(command)), in_shell=False, where=where)
    except ValueError as error:
        raise ValueError(f"the command of {name} cannot be split into words: {str(error).lower()}") from None


def _base_port(environ: Mapping[str, str], file: str) -> int:
    written = environ.get("PORT") or str(_BASE_PORT)
    if not (written.isascii() and written.isdigit() and 0 < int(written) < 65536):
        raise refuse(file, "PORT", f'"{written}" is no port number', "correct PORT in .env or in the environment")
    return int(written)
