"""What one daemon leaves is what the next one reads."""

import dataclasses

import msgspec
from tests.daemon.simulation import program, site, task

from hotclub.daemon.bus import fact_from_json, fact_to_json
from hotclub.daemon.stored import StoredHouse, StoredProcess
from hotclub.model import facts
from hotclub.model.plan import diff
from hotclub.model.record import Record, State
from hotclub.model.spec import Backoff, Control, Group, Kind, Log, LogFormat, Readiness, Where


def through_json(value):
    return msgspec.json.decode(msgspec.json.encode(value), type=type(value))


def big_site():
    where = Where("/t/hotclub.toml", 7)
    return dataclasses.replace(
        site(
            program(
                "web", "gunicorn", "--bind", "[::1]:80", "ünïcode", copies=3, user="www", unix_group="www",
                umask=0o27, env=(("A", "1"), ("B", "")), env_file=("/t/.env",), stop_signal=2, stop_group=True,
                after=("db", "job"), ready=Readiness(tcp=("::1", 80), timeout=2.5), essential=True,
                backoff=Backoff(first=0.1, max_restarts=3), where=where,
                log=Log("/l/web.log", LogFormat.JSON, separate_stderr=True, max_size=0, total=1),
            ),
            program("db", ready=Readiness(http="http://localhost/")),
            program("other", ready=Readiness(exec=("true", "x y"))),
            task("job"),
            program("cron", schedule="*/5 * * * *", kind=Kind.TASK),
            *(program(f"p{n}", copies=2) for n in range(500)),
        ),
        files=("/t/hotclub.toml", "/t/more.toml"), groups=(Group("back", ("db", "job"), where),),
        control=Control("127.0.0.1", 8001, "me", "secret"), log_dir="/l",
    )  # fmt: skip


def test_a_big_site():
    there = big_site()
    new = dataclasses.replace(there, programs=there.programs[3:])
    stored = StoredHouse(
        site=new, mode="detached", started=1.5, only=["web"], ending="asked", code=3, hurried=True, applied="op",
        plan=diff(there, new), former=list(there.programs[:3]), applying=True, seq=7,
        facts=[fact_to_json(facts.Stopping("asked"))],
    )  # fmt: skip
    again = through_json(stored)
    assert again == stored
    assert again.former[0] == there.programs[0]
    assert again.plan.leaving == ("web:1", "web:2", "web:3", "db:1", "other:1")


def test_every_state_of_a_process():
    for state in State:
        record = Record("web:1", True, state, 4, 100, 1.5, 2.5, 3.5, 2, (1.0, 2.0), 9, -15, "ended", True, "op", "0123")
        assert through_json(StoredProcess(record=record, seq=3, facts=[])).record == record


def test_facts_come_back_as_they_were():
    told: list[facts.Fact] = [
        facts.ProcessExited("web:1", 5, -9, expected=False, uptime=1.25, leftovers=("7 sleep",)),
        facts.ProcessGaveUp("web:1", "reason", None),
        facts.ConfigurationApplied(("a",), (), ("b",), (), ("c",)),
    ]
    left = through_json(StoredProcess(record=Record("web:1"), seq=3, facts=[fact_to_json(each) for each in told]))
    assert [fact_from_json(each) for each in left.facts] == told
