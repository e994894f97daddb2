"""The page about states is what the machine does."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "diagram"


def test_the_page_is_up_to_date() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_check_notices_a_stale_page(tmp_path, capsys) -> None:
    script = runpy.run_path(str(SCRIPT))
    page = tmp_path / "states.md"
    page.write_text((ROOT / "docs" / "states.md").read_text().replace("UP --> STOPPING", "UP --> DOWN"))
    script["main"].__globals__.update(PAGE=page, ROOT=tmp_path)
    assert script["main"](["--check"]) == 1
    assert "run scripts/diagram" in capsys.readouterr().err
    assert script["main"]([]) == 0
    assert script["main"](["--check"]) == 0
    assert page.read_text() == (ROOT / "docs" / "states.md").read_text()
