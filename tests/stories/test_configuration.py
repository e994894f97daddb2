"""Where a configuration comes from: hotclub.toml, its includes, pyproject.toml, a Procfile."""

import json
import os

from tests.stories.children import files, program, read, sh


def _environment(pid):
    with open(f"/proc/{pid}/environ", "rb") as file:
        return set(file.read().decode().split("\0"))


def test_included_files_add_programs_and_groups(site):
    more = {
        "hotclub.d/10-tasks.toml": program("tasks", copies=2) + '[groups]\nback = ["tasks", "beat"]\n',
        "hotclub.d/20-beat.toml": program("beat", after=["web"]),
        "hotclub.d/notes.txt": "not ours",
    }
    made = site(files('include = ["hotclub.d/*.toml"]\n' + program("web"), **more))
    made.hotclub("up", "-d")
    status = made.status()
    assert [each["name"] for each in status["processes"]] == ["web", "tasks:1", "tasks:2", "beat"]
    assert len(status["site"]["files"]) == 3
    assert made.process("beat")["where"].endswith("hotclub.d/20-beat.toml:1")
    made.hotclub("stop", "back:*")
    assert made.process("web")["state"] == "RUNNING"
    assert made.process("beat")["state"] == "STOPPED"


def test_pyproject_toml_can_hold_it(site):
    made = site({"pyproject.toml": '[project]\nname = "shop"\n[tool.hotclub.programs.web]\ncommand = "sleep 1000"\n'})
    made.hotclub("up", "-d")
    assert made.process("web")["where"].endswith("pyproject.toml:3")


def test_a_procfile_runs_as_it_is(site, wait_until):
    lines = [
        "# the shop",
        "release: echo released >> ran",
        "web: cat ran > seen; echo port $PORT colour $COLOUR; exec sleep 1000",
        "worker: sleep 1001",
    ]
    made = site({"Procfile": "\n".join(lines) + "\n", ".env": "PORT=7000\nCOLOUR='sea green'\n"})
    made.hotclub("up", "-d")
    assert read(made.root / "seen") == "released\n"
    wait_until(lambda: read(made.log_dir / "web.log") == "port 7100 colour sea green\n")
    assert {"PORT=7200", "COLOUR=sea green"} <= _environment(made.pid("worker"))
    assert made.process("release")["state"] == "EXITED"
    assert made.process("worker")["where"].endswith("Procfile:4")


def test_a_procfile_line_that_is_none_is_refused(site):
    made = site({"Procfile": "web: sleep 1000\nnothing here\n"})
    assert f"{made.root}/Procfile:2: Procfile: this line is not name: command" in made.hotclub("up", code=2).stderr


def test_hotclub_toml_wins_over_a_procfile(site):
    made = site(files(program("mine"), Procfile="theirs: sleep 1000\n"))
    said = json.loads(made.hotclub("check", "--json").stdout)
    assert [each["name"] for each in said["programs"]] == ["mine"]


def test_a_symlinked_project_is_a_site_of_its_own(site):
    made = site(files(program("web")))
    del made.env["HOTCLUB_RUN_DIR"]
    link = made.folder / "release"
    link.symlink_to(made.root)

    def root(folder):
        env = {**made.env, "PWD": str(folder)}
        made.env.update(env)
        return json.loads(made.hotclub("check", "--json", cwd=folder).stdout)

    direct, linked = root(made.root), root(link)
    assert linked["site"]["root"] == str(link)
    assert direct["places"]["run_dir"] != linked["places"]["run_dir"]


def test_a_deploy_that_moves_the_symlink_keeps_the_site(site):
    made = site(files(program("web", sh("pwd -P >> ../ran; exec sleep 1000"))))
    link = made.folder / "current"
    link.symlink_to(made.root)
    made.env["PWD"] = str(link)
    made.hotclub("up", "-d", cwd=link)
    fresh = made.folder / "release-2"
    fresh.mkdir()
    (fresh / "hotclub.toml").write_text((made.root / "hotclub.toml").read_text())
    link.unlink()
    link.symlink_to(fresh)
    made.hotclub("restart", "web", cwd=link)
    assert os.path.realpath(f"/proc/{made.pid('web')}/cwd") == str(fresh)
    made.hotclub("down", cwd=link)


def test_check_says_what_there_is_and_in_which_order_it_starts(site):
    made = site(files(program("web", after=["redis"]) + program("redis") + program("n", schedule="0 4 * * *")))
    said = made.hotclub("check").stdout
    assert "is fine" in said
    assert "order: redis, n → web" in said
    assert "scheduled 0 4 * * *" in said
    assert str(made.run_dir) in said
    assert not made.run_dir.exists()
