"""The README's first command, as a visitor runs it."""

import re
import signal
import subprocess
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(240)  # a bare machine installs Redis first
def test_the_demo_answers_and_leaves_nothing(tmp_path, wait_until):
    out = tmp_path / "demo.out"
    with out.open("wb") as file:
        demo = subprocess.Popen(
            [ROOT / "scripts/demo"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:

        def invited():
            assert demo.poll() is None, f"demo ended early: {out.read_text()}"
            return "Ctrl-C stops everything." in out.read_text()

        wait_until(invited, 200)
        said = out.read_text()
        (url,) = re.findall(r"The site answers:  (\S+)", said)
        with urllib.request.urlopen(url, timeout=10) as answer:
            assert answer.status == 200
            assert b"<h2>Tonight</h2>" in answer.read()
        commands = re.findall(r"^ +\S*hotclub (ps|logs -f|restart web) -c (\S+)$", said, re.MULTILINE)
        assert [verb for verb, _ in commands] == ["ps", "logs -f", "restart web"]
        config = Path(commands[0][1])
        assert config.exists()
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(30) == 0, out.read_text()
        assert not config.parent.exists()
    finally:
        demo.terminate()  # it stops hotclub before it ends
        demo.wait(30)
    needle = str(config.parent).encode()
    left = [
        p for p in Path("/proc").glob("[0-9]*/environ") if needle in _read(p) or needle in _read(p.parent / "cmdline")
    ]
    assert left == []


def _read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""
