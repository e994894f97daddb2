import os
import re
import stat
import subprocess
import sys

import pytest

from hotclub.config import places
from hotclub.config.errors import ConfigError

NOBODY = 65534
TOML = '[programs.web]\ncommand = "sleep 1"\n'


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty project folder that is the present one."""
    project = tmp_path / "shop"
    project.mkdir()
    monkeypatch.chdir(project)
    return project


def here(path, **more):
    return {"PWD": str(path), **more}


def find(path, file=None, uid=None, **more):
    return places.find(file, environ=here(path, **more), uid=os.getuid() if uid is None else uid)


def compute(file="/srv/shop/hotclub.toml", uid=1234, **environ):
    return places.compute(file, environ=environ, uid=uid)


class TestFind:
    def test_in_the_folder_itself(self, folder):
        (folder / "hotclub.toml").write_text(TOML)
        assert find(folder) == str(folder / "hotclub.toml")

    def test_from_a_folder_below(self, folder, monkeypatch):
        (folder / "hotclub.toml").write_text(TOML)
        below = folder / "a" / "b"
        below.mkdir(parents=True)
        monkeypatch.chdir(below)
        assert find(below) == str(folder / "hotclub.toml")

    def test_the_order_of_formats(self, folder):
        (folder / "Procfile").write_text("web: sleep 1\n")
        assert find(folder) == str(folder / "Procfile")
        (folder / "pyproject.toml").write_text("[tool.ruff]\n")
        assert find(folder) == str(folder / "Procfile")
        (folder / "pyproject.toml").write_text("[tool.hotclub.programs.web]\n")
        assert find(folder) == str(folder / "pyproject.toml")
        (folder / "hotclub.toml").write_text(TOML)
        assert find(folder) == str(folder / "hotclub.toml")

    def test_nothing(self, folder):
        with pytest.raises(ConfigError) as error:
            find(folder)
        assert str(error.value) == (
            f"{folder}: configuration: no hotclub.toml, pyproject.toml (with [tool.hotclub]) or Procfile here or in a"
            " folder above; create hotclub.toml with a [programs.NAME] table and a command in it, or name a file with"
            " -c FILE"
        )

    def test_named_relative_absolute_and_as_a_folder(self, folder):
        other = folder / "conf"
        other.mkdir()
        (other / "hotclub.toml").write_text(TOML)
        wanted = str(other / "hotclub.toml")
        assert find(folder, "conf/hotclub.toml") == wanted
        assert find(folder, wanted) == wanted
        assert find(folder, "conf") == wanted

    def test_named_and_missing(self, folder):
        with pytest.raises(ConfigError, match="there is no such file; name an existing one with -c FILE"):
            find(folder, "nope.toml")
        with pytest.raises(ConfigError, match="this folder has no hotclub"):
            find(folder, str(folder))

    def test_present_folder_is_gone(self, tmp_path, monkeypatch):
        gone = tmp_path / "gone"
        gone.mkdir()
        monkeypatch.chdir(gone)
        gone.rmdir()
        with pytest.raises(ConfigError, match="present folder: it does not exist any more"):
            find(gone)

    def test_planted_in_a_shared_folder(self, folder):
        """A file that another user left where everyone may write is not run unasked."""
        if os.getuid() != 0:
            pytest.skip("needs root to give a file away")
        file = folder / "hotclub.toml"
        file.write_text(TOML)
        os.chown(file, NOBODY, NOBODY)
        assert find(folder) == str(file)
        folder.chmod(0o1777)
        with pytest.raises(ConfigError, match="belongs to another user"):
            find(folder)
        assert find(folder, str(file)) == str(file)
        assert find(folder, uid=NOBODY) == str(file)


class TestIdentity:
    def test_symlinks_are_kept(self, tmp_path, monkeypatch):
        release = tmp_path / "releases" / "42"
        release.mkdir(parents=True)
        (release / "hotclub.toml").write_text(TOML)
        (release / "sub").mkdir()
        current = tmp_path / "current"
        current.symlink_to(release)
        monkeypatch.chdir(current / "sub")
        assert find(current / "sub") == str(current / "hotclub.toml")
        assert find(current / "sub", "../hotclub.toml") == str(current / "hotclub.toml")
        # Without a PWD that fits, only the physical path is known.
        assert find("/") == str(release / "hotclub.toml")

    def test_dots_through_a_link_out_of_the_tree_mean_what_the_kernel_says(self, tmp_path, monkeypatch):
        (tmp_path / "far" / "deep").mkdir(parents=True)
        (tmp_path / "far" / "hotclub.toml").write_text(TOML)
        (tmp_path / "near").symlink_to(tmp_path / "far" / "deep")
        monkeypatch.chdir(tmp_path / "near")
        assert find(tmp_path / "near", "../hotclub.toml") == str(tmp_path / "far" / "hotclub.toml")

    def test_a_switched_link_is_the_same_site_and_a_copy_another(self):
        current = compute("/srv/current/hotclub.toml")
        assert current == compute("/srv/current/hotclub.toml")
        assert current.run_dir != compute("/srv/other/current/hotclub.toml").run_dir

    @pytest.mark.parametrize(
        ("folder", "name"),
        [("my site", "my-site"), ("café", "caf"), ("/", "site"), (".hidden", "hidden"), ("x" * 50, "x" * 32)],
    )
    def test_names_are_safe(self, folder, name):
        assert places.sanitise(folder) == name


class TestRunDir:
    def test_given(self):
        found = compute(HOTCLUB_RUN_DIR="/some/where")
        assert found.run_dir == "/some/where"
        assert (found.socket, found.lock) == ("/some/where/api.sock", "/some/where/lock")
        assert found.daemon_err == "/some/where/daemon.err"

    def test_root(self):
        assert re.fullmatch(r"/run/hotclub/shop-[0-9a-f]{8}", compute(uid=0, XDG_RUNTIME_DIR="/run/user/0").run_dir)

    def test_user_with_and_without_a_session(self, tmp_path):
        uid = os.getuid() or NOBODY
        os.chown(tmp_path, uid, -1)
        with_session = compute(uid=uid, XDG_RUNTIME_DIR=str(tmp_path))
        assert re.fullmatch(re.escape(str(tmp_path)) + r"/hotclub/shop-[0-9a-f]{8}", with_session.run_dir)
        without = compute(uid=uid)
        assert re.fullmatch(rf"/tmp/hotclub-{uid}/shop-[0-9a-f]{{8}}", without.run_dir)
        assert os.path.basename(without.run_dir) == os.path.basename(with_session.run_dir)

    def test_a_runtime_dir_of_somebody_else_is_not_used(self, tmp_path):
        assert compute(uid=os.getuid() + 77, XDG_RUNTIME_DIR=str(tmp_path)).run_dir.startswith("/tmp/hotclub-")

    def test_too_long_for_a_socket(self, tmp_path):
        with pytest.raises(ConfigError, match=r"has 116 bytes, and a Unix socket's may have 107; set HOTCLUB_RUN_DIR"):
            compute(HOTCLUB_RUN_DIR="/" + "r" * 106)
        long = tmp_path / ("x" * 90)
        long.mkdir()
        uid = os.getuid() or NOBODY
        os.chown(long, uid, -1)
        assert compute(uid=uid, XDG_RUNTIME_DIR=str(long)).run_dir.startswith("/tmp/hotclub-")

    def test_root_finds_the_daemon_of_the_files_owner(self, folder):
        if os.getuid() != 0:
            pytest.skip("needs root")
        file = folder / "hotclub.toml"
        file.write_text(TOML)
        owner = 61234
        os.chown(file, owner, -1)
        theirs = places.compute(str(file), environ={}, uid=owner)
        assert places.locate(str(file), environ={}, control=True).run_dir.startswith("/run/hotclub/")
        os.makedirs(theirs.run_dir)
        os.chown(theirs.run_dir, owner, -1)
        try:
            open(theirs.lock, "w").close()
            assert places.locate(str(file), environ={}, control=True).run_dir == theirs.run_dir
            assert places.locate(str(file), environ={}).run_dir.startswith("/run/hotclub/")
            os.chown(theirs.run_dir, 0, 0)  # not really theirs
            assert places.locate(str(file), environ={}, control=True).run_dir.startswith("/run/hotclub/")
        finally:
            os.unlink(theirs.lock)
            os.rmdir(theirs.run_dir)
            os.rmdir(os.path.dirname(theirs.run_dir))


class TestLogDir:
    @pytest.fixture(autouse=True)
    def _outside(self, monkeypatch):
        """These rules are for machines; whether this one is a container has its own tests."""
        monkeypatch.setattr(places, "in_container", lambda _environ: False)

    def test_root(self):
        assert compute(uid=0).log_dir == "/var/log/hotclub/shop"

    def test_user(self):
        found = compute(HOME="/home/ann")
        assert found.log_dir == f"/home/ann/.local/state/hotclub/{os.path.basename(found.run_dir)}/log"
        assert compute(HOME="/home/ann", XDG_STATE_HOME="/state").log_dir.startswith("/state/hotclub/shop-")

    def test_user_without_a_home(self):
        found = compute(uid=61234)
        assert found.log_dir == f"{found.run_dir}/log"

    def test_override(self):
        assert compute(uid=0, HOTCLUB_LOG_DIR="/logs").log_dir == "/logs"

    def test_under_the_journal(self, tmp_path):
        with open(tmp_path / "stream", "w") as stream:
            status = os.fstat(stream.fileno())
            environ = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
            assert places.under_journal(environ, (stream.fileno(),))
            assert not places.under_journal({"JOURNAL_STREAM": "1:1"}, (stream.fileno(),))
            assert not places.under_journal({}, (stream.fileno(),))


class TestContainer:
    @pytest.mark.parametrize(
        ("file", "content"),
        [
            ("run/.containerenv", ""),
            (".dockerenv", ""),
            ("proc/1/environ", "PATH=/bin\0container=podman\0"),
            ("proc/1/cgroup", "12:pids:/docker/abc\n"),
            ("proc/1/cgroup", "0::/kubepods.slice/pod1\n"),
        ],
    )
    def test_marks(self, tmp_path, file, content):
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        assert places.in_container({}, str(tmp_path))

    def test_none(self, tmp_path):
        assert not places.in_container({}, str(tmp_path))
        assert places.in_container({"container": "lxc"}, str(tmp_path))

    def test_no_log_folder_there(self):
        assert compute(uid=0, container="oci").log_dir is None


class TestMakeRunDir:
    @pytest.fixture
    def site(self, tmp_path):
        return compute(str(tmp_path / "hotclub.toml"), HOTCLUB_RUN_DIR=str(tmp_path / "deep" / "run"))

    def test_created_for_us_alone(self, site):
        places.make_run_dir(site)
        assert stat.S_IMODE(os.stat(site.run_dir).st_mode) == 0o700
        places.make_run_dir(site)

    def test_derived_parents_are_ours_too(self, tmp_path):
        uid = os.getuid()
        base = compute(str(tmp_path / "hotclub.toml"), uid=uid)
        site = base._replace(run_dir=str(tmp_path / "hotclub" / os.path.basename(base.run_dir)))
        places.make_run_dir(site)
        assert stat.S_IMODE(os.stat(tmp_path / "hotclub").st_mode) == 0o700

    def test_a_link(self, site, tmp_path):
        os.mkdir(tmp_path / "deep")
        os.symlink(tmp_path, site.run_dir)
        with pytest.raises(ConfigError, match=r"run folder: .* is not a folder \(a link\?\); remove it"):
            places.make_run_dir(site)

    def test_writable_by_others(self, site):
        os.makedirs(site.run_dir)
        os.chmod(site.run_dir, 0o775)
        with pytest.raises(ConfigError, match=rf"others may write to .* \(mode 0775\); run: chmod 700 {site.run_dir}"):
            places.make_run_dir(site)

    def test_of_somebody_else(self, site):
        os.makedirs(site.run_dir)
        with pytest.raises(ConfigError, match=r"belongs to uid \d+, not to uid 61234; set HOTCLUB_RUN_DIR"):
            places.make_run_dir(site, uid=61234)

    def test_cannot_be_made(self, tmp_path):
        (tmp_path / "file").write_text("")
        site = compute(str(tmp_path / "hotclub.toml"), HOTCLUB_RUN_DIR=str(tmp_path / "file" / "run"))
        with pytest.raises(ConfigError, match="cannot be created: File exists"):
            places.make_run_dir(site)


def test_make_log_dir(tmp_path):
    folder = tmp_path / "a" / "b"
    places.make_log_dir(str(folder), file="hotclub.toml")
    places.make_log_dir(str(folder), file="hotclub.toml")
    assert stat.S_IMODE(folder.stat().st_mode) & 0o027 == 0
    (tmp_path / "file").write_text("")
    for bad in ("file", "file/log"):
        with pytest.raises(ConfigError, match="log folder: "):
            places.make_log_dir(str(tmp_path / bad), file="hotclub.toml")


def test_importing_places_loads_nothing_heavy():
    heavy = "{'msgspec', 'tomllib', 'cronsim', 'dataclasses', 'asyncio', 'hashlib', 'hotclub.model.spec'}"
    code = f"import sys, hotclub.config.places; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout.strip() == "[]"
