"""A whole hotclub.toml (or `[tool.hotclub]`), its includes too, to one `Site`."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping

from hotclub.config import relations, toml, values
from hotclub.config.errors import ConfigError, Problem
from hotclub.config.lines import Path
from hotclub.config.places import Places
from hotclub.config.programs import Surroundings, program, sizes, wrong_name
from hotclub.config.table import Table
from hotclub.model.spec import Control, Group, Log, LogFormat, Program, Site, Where

_INCLUDED = "an included file has only [programs] and [groups]; move this"


def read(places: Places, environ: Mapping[str, str], prefix: Path = ()) -> Site:
    """The site of the file that `places` names. Raises ConfigError with all that is wrong."""
    problems: list[Problem] = []
    document = toml.read(places.file, prefix)
    main = Table(document, problems, data=document.data)
    head = main.table("site")
    name = head.get("name", values.text, places.name)
    head.end()
    log_dir, log = _log(main, places, environ)
    reader = _Reader(Surroundings(places.root, log_dir, log), problems)
    control = _control(main)
    files = [places.file]
    reader.take(main)
    for path in _included(main):
        if path not in files:
            files.append(path)
            reader.include(path)
    main.end()
    reader.finish(main)
    if problems:
        raise ConfigError(sorted(problems, key=lambda each: (files.index(each.where.file), each.where.line)))
    return Site(
        name=name,
        root=places.root,
        file=places.file,
        files=tuple(files),
        programs=tuple(reader.programs),
        groups=tuple(reader.groups),
        control=control,
        log_dir=log_dir,
    )


class _Reader:
    """Collects programs and groups from one file after the other; they share one namespace."""

    def __init__(self, around: Surroundings, problems: list[Problem]) -> None:
        self.around = around
        self.problems = problems
        self.programs: list[Program] = []
        self.groups: list[Group] = []
        self.places: dict[str, Where] = {}
        self.tables: dict[str, Table] = {}

    def include(self, path: str) -> None:
        try:
            document = toml.read(path)
        except ConfigError as error:
            self.problems.extend(error.problems)
            return
        table = Table(document, self.problems, data=document.data)
        self.take(table)
        table.end(_INCLUDED)

    def take(self, table: Table) -> None:
        for one, name in self._named(table.table("programs")):
            self.tables[name] = one.table(name)
            self.programs.append(program(self.tables[name], name, self.around))
        for one, name in self._named(table.table("groups")):
            members = one.get(name, values.names, ())
            if not members and one.data[name] == []:
                one.wrong(name, "has no programs", f'write for example {name} = ["web"]')
            self.groups.append(Group(name, members, one.where(name)))

    def _named(self, table: Table) -> Iterator[tuple[Table, str]]:
        """The names that are free, each with the table it stands in."""
        for name in table.data:
            reason = wrong_name(name)
            before = self.places.setdefault(name, table.where(name))
            if reason:
                table.wrong(name, f"the name {reason}", "choose another name")
            elif before != table.where(name):
                table.wrong(name, f"this name is defined already in {before}", "rename one of the two")
            else:
                yield table, name

    def finish(self, main: Table) -> None:
        if not self.places:
            example = f'write for example [{main.header("programs", "web")}] and below it command = "…"'
            main.wrong("programs", "there is none", example)
        self.problems.extend(relations.problems(self.programs, self.groups, self._where))

    def _where(self, of: Program, key: str) -> Where:
        return self.tables[of.name].where(key)


def _log(main: Table, places: Places, environ: Mapping[str, str]) -> tuple[str | None, Log]:
    table = main.table("log")
    log_dir = table.get("dir", values.optional_path, places.log_dir)
    if environ.get("HOTCLUB_LOG_DIR"):
        log_dir = places.log_dir
    elif log_dir is not None:
        log_dir = os.path.normpath(os.path.join(places.root, log_dir))
    usual = Log(file=None)
    log = sizes(
        table, Log(None, table.get("format", values.choice(LogFormat), usual.format)), usual, "max_size", "total"
    )
    table.end()
    return log_dir, log


def _control(main: Table) -> Control | None:
    table = main.table("control")
    bind = table.get("bind", values.address, None)
    username = table.get("username", values.text, "hotclub")
    password = table.get("password", values.text, None)
    table.end()
    if "bind" in table and "password" not in table:
        table.wrong("bind", "an address without a password would let everyone in", 'add password = "…"')
    if "bind" not in table and ("password" in table or "username" in table):
        table.wrong(None, "has no bind, so nothing would ask for this password", 'add bind = "127.0.0.1:8001"')
    return Control(*bind, username, password) if bind and password else None


def _included(main: Table) -> Iterator[str]:
    """The files that `include` names, sorted, patterns relative to the file that includes them."""
    folder = os.path.dirname(main.document.file)
    for pattern in main.get("include", values.one_or_many, ()):
        path = os.path.join(glob.escape(folder), pattern)
        if glob.has_magic(pattern):
            yield from sorted(found for found in glob.glob(path) if os.path.isfile(found))
        elif os.path.isfile(path := os.path.join(folder, pattern)):
            yield os.path.normpath(path)
        else:
            main.wrong(
                "include", f"there is no file {path}", "correct the path, or use a pattern such as hotclub.d/*.toml"
            )
