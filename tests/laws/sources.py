"""Reads hotclub's source as syntax trees, so that laws can be said about what it mentions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import hotclub

PACKAGE = Path(hotclub.__file__).parent


def files(*rooms: str) -> list[Path]:
    """Every Python file of these rooms, or of the whole package."""
    folders = [PACKAGE / room for room in rooms] or [PACKAGE]
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def name(path: Path) -> str:
    """`daemon/fleet.py`: how a law names a file."""
    return path.relative_to(PACKAGE).as_posix()


def module(path: Path) -> str:
    parts = ("hotclub", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules(*rooms: str) -> list[str]:
    """The modules that may be imported; a `__main__` runs something instead."""
    return [module(path) for path in files(*rooms) if path.name != "__main__.py"]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def mentions(path: Path) -> Iterator[tuple[str, int]]:
    """Every imported name and every dotted name as it is written, with its line: `os.kill`, `asyncio.subprocess`."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)
        elif isinstance(node, ast.Attribute) and (dotted := _dotted(node)):
            yield dotted, node.lineno


def offences(forbidden: frozenset[str], *rooms: str, allowed: dict[str, str] | None = None) -> list[str]:
    """Where a forbidden name (or something inside it) is mentioned, as `file:line name`.

    `allowed` maps a name to the prefix of the files that may mention it.
    """
    found = []
    for path in files(*rooms):
        for mentioned, line in mentions(path):
            hit = next((each for each in forbidden if mentioned == each or mentioned.startswith(each + ".")), None)
            if hit and not name(path).startswith((allowed or {}).get(hit, "\0")):
                found.append(f"{name(path)}:{line} {mentioned}")
    return sorted(set(found))


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := _dotted(node.value)):
        return f"{before}.{node.attr}"
    return ""
