"""Obeying the daemon: one method per message, and the record first.

A record belongs to what it travels with and is kept before that is done, whatever comes of it. A token that is known
is answered with what is known about it. Descriptors that nobody wants to keep are closed.
"""

from __future__ import annotations

import os

from hotclub.keeper.births import Births
from hotclub.keeper.groups import Groups
from hotclub.keeper.kin import Kin
from hotclub.keeper.news import News
from hotclub.keeper.table import Table
from hotclub.posix.spawn import SpawnError
from hotclub.wire import house


class Orders:
    def __init__(self, table: Table, births: Births, kin: Kin, groups: Groups, news: News) -> None:
        self._table = table
        self._births = births
        self._kin = kin
        self._groups = groups
        self._news = news

    def obey(self, message: house.Message, fds: list[int]) -> None:
        """Do what a message says; all of `fds` are held or closed afterwards.

        Raises ValueError or IndexError for what a daemon does not say.
        """
        kept: set[int] = set()
        try:
            match message:
                case house.Spawn():
                    named = [(name, fds[at]) for name, at in message.hold.items()]
                    self._table.put(message.key, message.record)
                    if self._birth(message, fds):
                        kept = self._hold(named)
                case house.Adopt():
                    self._table.put(message.key, message.record)
                    self._birth(message, fds)
                case house.Signal():
                    self._table.put(message.key, message.record)
                    self._signal(message)
                case house.Ack():
                    self._table.put(message.key, message.record)
                    self._table.acknowledge(message.token)
                case house.Put():
                    self._table.put(message.key, message.record)
                case house.Hold():
                    kept = self._hold(list(zip(message.names, fds, strict=True)))
                case house.Release():
                    self._release(message.names)
                case _:
                    raise ValueError(f"not an order: {type(message).__name__}")
        finally:
            for fd in fds:
                if fd not in kept:
                    os.close(fd)

    def _birth(self, order: house.Spawn | house.Adopt, fds: list[int]) -> bool:
        """Whether there is a new entry now; a failed or a repeated birth holds no descriptors."""
        known = self._table.entries.get(order.token)
        if known is not None:
            told = self._news.born if known.status is None else self._news.exited
            told(known.token)
            return False
        try:
            if isinstance(order, house.Spawn):
                entry = self._births.spawn(order, fds, self._table.held)
            else:
                entry = self._births.adopt(order, self._table.living)
        except SpawnError as failed:
            self._news.unborn(order.token, failed.stage, failed.reason)
            return False
        self._table.born(entry)
        self._groups.born(entry)
        self._news.born(entry.token)
        return True

    def _signal(self, order: house.Signal) -> None:
        entry = self._table.entries.get(order.token)
        if entry is not None and entry.status is None:
            self._kin.signal(entry, order.signal, order.scope)

    def _hold(self, named: list[tuple[str, int]]) -> set[int]:
        kept = set()
        for name, fd in named:
            before = self._table.hold(name, fd)
            kept.add(fd)
            if before is not None:
                os.close(before)
        return kept

    def _release(self, names: list[str]) -> None:
        for name in names:
            fd = self._table.release(name)
            if fd is not None:
                os.close(fd)
