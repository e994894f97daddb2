"""`hotclub ps`: which processes do I have, and why?"""

import json

import pytest
from tests.stories.children import files, program, sh

SITE = program("web", copies=2) + program("job", sh("sleep 1004 & wait"), kind="task", restart="never")


@pytest.fixture
def running(site):
    made = site(files(SITE))
    made.up(ready=True)
    return made


def test_ps_draws_the_tree_with_role_reason_and_memory(running):
    lines = running.hotclub("ps").stdout.splitlines()
    head, keeper, daemon, *rest = lines
    assert head.split() == ["PROCESS", "PID", "ROLE", "SINCE", "OWN", "SHARED", "WHY"]
    assert keeper.startswith("keeper")
    assert str(running.keeper) in keeper
    assert daemon.startswith("├─ daemon")
    web = next(line for line in rest if "web:2" in line)
    assert str(running.pid("web:2")) in web
    assert "programs.web in " in web
    assert "hotclub.toml:1" in web
    assert "MiB" in keeper
    assert "processes," in lines[-1]


def test_ps_shows_children_of_a_program_below_it(running, wait_until):
    def both():
        lines = running.hotclub("ps").stdout.splitlines()
        return lines if any("sleep" in line.split("WHY")[0] and "─ sleep" in line for line in lines) else None

    lines = wait_until(both)
    above = next(number for number, line in enumerate(lines) if "─ job" in line)
    assert "─ sleep" in lines[above + 1]


def test_ps_as_json_has_every_process_of_the_house(running):
    tree = json.loads(running.hotclub("ps", "--json").stdout)
    by_role: dict[str, list[dict[str, object]]] = {}
    for line in tree["processes"]:
        by_role.setdefault(line["role"], []).append(line)
    assert [line["pid"] for line in by_role["keeper"]] == [running.keeper]
    assert [line["pid"] for line in by_role["daemon"]] == [running.daemon]
    assert {line["pid"] for line in by_role["program"]} >= {running.pid("web:1"), running.pid("web:2")}
    for line in tree["processes"]:
        assert line["why"]
        assert line["since"]
        assert line["memory"]["own"] >= 0
    assert tree["total"]["count"] == len(tree["processes"])


def test_ps_can_show_whole_commands(running):
    assert "sleep 1000" in running.hotclub("ps", "--command").stdout


def test_titles_say_it_too(running):
    titles = running.processes()
    assert titles[running.keeper] == "hotclub keeper site"
    assert titles[running.daemon] == "hotclub daemon site"
