"""Find the verb, load it, run it, and turn whatever goes wrong into a sentence and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module

from hotclub.cli.codes import FAILED, INTERRUPTED, NOT_RUNNING, PIPE, SILENT, USAGE
from hotclub.client.http import ClientError, KeeperAnswered, NotAnswering, NotRunning, Refused
from hotclub.config.errors import ConfigError

VERBS = {
    "up": "start the site and everything it needs",
    "down": "stop the site; nothing is left",
    "status": "what runs, since when, and why something does not",
    "ps": "the tree of processes and why each exists",
    "logs": "show and follow what the programs print",
    "start": "start programs",
    "stop": "stop programs",
    "restart": "stop and start programs",
    "signal": "send a signal to programs",
    "apply": "put the changed configuration in force",
    "check": "verify the configuration",
    "facts": "show and follow what happens",
    "version": "print the version",
}

EXAMPLES = """\
examples:
  hotclub up                 run the site here, Ctrl-C stops it
  hotclub up -d              run it in the background
  hotclub status             what runs?
  hotclub logs -f web        what does it say?
  hotclub restart web:2      start one copy anew
  hotclub apply --plan       what would the changed hotclub.toml change?

`hotclub VERB --help` says more about a verb."""


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    words = sys.argv[1:] if argv is None else argv
    _open_standard_descriptors()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that knows no UTF-8 shows question marks, no traceback
    if sys.platform != "linux":
        print("hotclub runs sites on Linux: it is built on pidfds, subreapers and splice.", file=sys.stderr)
        print(
            "On this machine use WSL2 (Windows) or a Linux container; your Django code needs no change.",
            file=sys.stderr,
        )
        return USAGE
    try:
        code = _dispatch(words)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nobody reads; the interpreter's last flush must not complain
        return PIPE
    except (ClientError, ConfigError) as wrong:
        return _explain(wrong)
    except OSError as wrong:
        where = f"{wrong.filename}: " if wrong.filename else ""
        print(f"hotclub: {where}{wrong.strerror or wrong}; check its owner and rights", file=sys.stderr)
        return FAILED
    return code


def _open_standard_descriptors() -> None:
    """A descriptor that somebody closed (`>&-`) would be taken by the lock or the socket: it becomes /dev/null."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest that is free: this one
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115 - Python leaves None
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


def _dispatch(words: list[str]) -> int:
    file, rest = _before_the_verb(words)
    if not rest or rest[0] in ("-h", "--help", "help"):
        print(_help())
        return 0 if rest else USAGE
    if rest[0] in ("--version", "-V"):
        rest[0] = "version"
    verb = rest[0]
    if verb not in VERBS:
        return _unknown(verb)
    module = import_module(f"hotclub.cli.{verb}")
    parser = argparse.ArgumentParser(
        prog=f"hotclub {verb}",
        description=module.__doc__,
        epilog=module.EXAMPLES,
        formatter_class=_Help,
        allow_abbrev=False,
    )
    parser.add_argument("-c", "--config", metavar="FILE", default=file, help="the configuration, or its folder")
    module.arguments(parser)
    code: int = module.run(parser.parse_args(rest[1:]))
    return code


class _Help(argparse.RawDescriptionHelpFormatter):
    """As wide as the terminal. The default asks shutil, which takes longer to import than a parser to make."""

    def __init__(self, prog: str) -> None:
        try:
            width = min(os.get_terminal_size(1).columns, 120)
        except OSError:
            width = 100
        super().__init__(prog, width=width)


def _before_the_verb(words: list[str]) -> tuple[str | None, list[str]]:
    """Take `-c FILE` from the front."""
    rest, file = list(words), None
    while rest and rest[0].startswith(("-c", "--config")):
        option = rest.pop(0)
        if option in ("-c", "--config"):
            file = rest.pop(0) if rest else None
        else:
            file = option.removeprefix("--config=").removeprefix("-c")
    return file, rest


def _unknown(verb: str) -> int:
    from difflib import get_close_matches

    near = get_close_matches(verb, VERBS, n=1)
    cure = f"did you mean `hotclub {near[0]}`?" if near else "`hotclub --help` lists all verbs"
    what = "option" if verb.startswith("-") else "verb"
    print(f"hotclub: there is no {what} {verb!r}; {cure}", file=sys.stderr)
    return USAGE


def _help() -> str:
    verbs = "\n".join(f"  {verb:<9} {says}" for verb, says in VERBS.items())
    head = "usage: hotclub [-c FILE] VERB …\n\nRuns every process of a site: one file, one process tree."
    return f"{head}\n\nverbs:\n{verbs}\n\n{EXAMPLES}"


def _explain(wrong: ClientError | ConfigError) -> int:
    """Say what went wrong, and which kind it was by the exit code."""
    match wrong:
        case ConfigError():
            text, code = str(wrong), USAGE
        case NotRunning():
            text, code = f"{wrong}; start it: hotclub up", NOT_RUNNING
        case KeeperAnswered():
            text, code = wrong.text, SILENT
        case NotAnswering():
            text, code = f"hotclub: {wrong}; try again, or stop everything: hotclub down", SILENT
        case Refused():
            code = USAGE if wrong.status in (400, 404, 422) else FAILED
            text = "\n".join(filter(None, (f"hotclub: {wrong.error}", wrong.hint)))
        case _:
            text, code = f"hotclub: {wrong}", FAILED
    print(text, file=sys.stderr)
    return code
