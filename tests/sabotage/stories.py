"""Short stories: a configuration, and one command whose way can be cut by a death of the daemon.

Whatever a story ends in is determined by its configuration alone, births and exits included, so that a run with a
death must end exactly as one without.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Ends 60 ms after it was asked to, with status 7.
SLOW = """["/bin/sh", "-c", "trap 'sleep 0.06; exit 7' TERM; while :; do sleep 60 & wait $!; done"]"""
#: Has to be killed.
DEAF = """["/bin/sh", "-c", "trap '' TERM; while :; do sleep 60; done"]"""


#: Beside each story's configuration: what looks like a program and cannot be started.
FILES = {"unborn": "#!/no/such/interpreter\n"}


def sh(text: str) -> str:
    return f'["/bin/sh", "-c", "{text}"]'


def program(name: str, command: str = '"sleep 600"', **settings: str) -> str:
    lines = {"command": command, "start_seconds": "0", "stop_timeout": '"2s"', **settings}
    return "\n".join([f"[programs.{name}]", *(f"{key} = {value}" for key, value in lines.items()), ""])


@dataclass(frozen=True)
class Story:
    """`before` is up when `command` begins, with `after` as its file then; without `before` it begins with nothing."""

    name: str
    command: tuple[str, ...]
    after: str
    before: str | None = None
    seeds: range = range(8)
    code: int = 0
    #: Programs whose processes may not notice anything.
    untouched: tuple[str, ...] = ()
    #: Whether the outcome lines are determined, not only the exit code.
    exact: bool = True


def _start() -> str:
    lines = ['[groups]\nback = ["b00", "b01"]\n']
    lines += [program(f"a{n:02}", start_seconds="0.05" if n % 2 else "0") for n in range(5)]
    lines += [program(f"b{n:02}", after=f'["a{n % 5:02}"]') for n in range(10)]
    lines.append(program("c00", after='["b00", "b01"]', ready='{ exec = "true" }'))
    lines.append(program("c01", after='["b02"]', copies="3"))
    lines.append(program("d00", after='["c00", "c01"]'))
    return "".join(lines)


def _stop() -> str:
    lines = [program(f"a{n:02}") for n in range(12)]
    lines += [program(f"slow{n}", SLOW) for n in range(5)]
    lines += [program(f"deaf{n}", DEAF, stop_timeout='"0.15s"') for n in range(2)]
    lines.append(program("done", '"true"', kind='"task"'))
    return "".join(lines)


def _restart() -> str:
    lines = [program(f"a{n:02}", start_seconds="0.05" if n % 2 else "0") for n in range(4)]
    lines += [program(f"slow{n}", SLOW, copies="2") for n in range(3)]
    lines.append(program("deaf", DEAF, stop_timeout='"0.15s"'))
    lines.append(program("probed", ready='{ exec = "true" }'))
    lines += [program(f"keep{n}") for n in range(3)]
    return "".join(lines)


def _apply_before() -> str:
    lines = [program(f"keep{n}") for n in range(4)]
    lines += [program(f"gone{n}", SLOW if n else '"sleep 600"') for n in range(3)]
    lines += [program(f"changed{n}", SLOW) for n in range(3)]
    lines.append(program("live", copies="3"))
    lines.append(program("failed", '"false"', restart='"never"'))
    return "".join(lines)


def _apply_after() -> str:
    lines = [program(f"keep{n}") for n in range(4)]
    lines += [program(f"changed{n}", SLOW, env='{ NEW = "1" }') for n in range(3)]
    lines.append(program("live", copies="2", stop_timeout='"3s"'))
    lines.append(program("failed", sh("exit 0"), restart='"never"'))
    lines += [program(f"added{n}", start_seconds="0.05") for n in range(3)]
    lines.append(program("hopeless", sh("exit 5"), restart='"never"', start_seconds="0.2"))
    return "".join(lines)


def _chain() -> str:
    return "".join(
        [
            program("one", sh("sleep 0.05"), kind='"task"'),
            program("two", sh("sleep 0.05"), kind='"task"', after='["one"]'),
            program("three", sh("sleep 0.02"), kind='"task"', after='["two"]'),
            program("web", after='["three"]', copies="2"),
            program("broken", sh("sleep 0.05; exit 4"), kind='"task"', after='["one"]'),
            program("never", after='["broken"]'),
            program("retried", sh("echo x >> ../tries; test $(wc -l < ../tries) -ge 3"), kind='"task"',
                    restart='"on-failure"', backoff='{ first = "0.05s", jitter = 0 }'),
            program("last", after='["retried"]'),
        ]
    )  # fmt: skip


_BACKOFF = '{ first = "0.05s", factor = 1.5, jitter = 0, max_restarts = 4, window = "1h" }'
_QUIET = program("keep0") + program("keep1")
_CRASHING = (
    _QUIET
    + program("crash", sh("exit 3"), backoff=_BACKOFF, start_seconds="0.2")
    + program("shot", sh("kill -9 $$"), backoff=_BACKOFF, start_seconds="0.2")
    + program("unborn", '"./unborn"', backoff=_BACKOFF)
)

STORIES = (
    Story("start", ("up", "-d"), _start(), seeds=range(9)),
    Story("stop", ("stop", "--json", "*"), _stop(), _stop()),
    Story("restart", ("restart", "--json", "a*", "slow*", "deaf", "probed"), _restart(), _restart(),
          seeds=range(9), untouched=("keep0", "keep1", "keep2")),
    Story("apply", ("apply",), _apply_after(), _apply_before(), code=1,
          untouched=("keep0", "keep1", "keep2", "keep3", "live")),
    Story("backoff", ("apply",), _CRASHING, _QUIET, code=1, untouched=("keep0", "keep1"), exact=False),
    Story("chain", ("up", "-d"), _chain(), code=1),
)  # fmt: skip
