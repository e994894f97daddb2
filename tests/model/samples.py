"""Programs and sites for the tests of the model."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from hotclub.model.spec import Backoff, Group, Kind, Log, Program, Readiness, Restart, Site, Where


def program(name: str = "web", **changes: Any) -> Program:
    fields: dict[str, Any] = {
        "name": name,
        "argv": ("serve", name),
        "command": f"serve {name}",
        "cwd": "/srv",
        "log": Log(None),
        "where": Where("/srv/hotclub.toml", 1),
    }
    return Program(**(fields | changes))


def site(*programs: Program, groups: dict[str, tuple[str, ...]] | None = None, **changes: Any) -> Site:
    made = tuple(Group(name, members, Where("/srv/hotclub.toml")) for name, members in (groups or {}).items())
    fields: dict[str, Any] = {"name": "site", "root": "/srv", "file": "/srv/hotclub.toml"}
    return Site(**(fields | changes), programs=programs, groups=made)


def programs() -> st.SearchStrategy[Program]:
    """Every sort of program the machine treats differently."""
    return st.builds(
        program,
        kind=st.sampled_from(Kind),
        restart=st.sampled_from(Restart),
        after=st.sampled_from([(), ("db",)]),
        ready=st.sampled_from([None, Readiness(tcp=("localhost", 80), timeout=5.0)]),
        schedule=st.sampled_from([None, "* * * * *"]),
        start_seconds=st.sampled_from([0.0, 1.0]),
        stop_timeout=st.sampled_from([0.0, 10.0]),
        stop_group=st.booleans(),
        backoff=st.builds(Backoff, first=st.sampled_from([0.0, 0.5]), max_restarts=st.sampled_from([0, 1, 3])),
    )
