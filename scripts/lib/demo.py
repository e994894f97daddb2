"""Runs a copy of examples/demo under `hotclub up`, says where it answers, and removes the copy at the end.

The copy stands in a temporary folder with ports that are free. hotclub runs in the foreground, so that Ctrl-C
reaches it from the terminal; this process only waits for it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMAND = ROOT / ".venv/bin/hotclub"
PATIENCE = 90.0  # seconds for the first answer
WEB_PORT, REDIS_PORT = 8000, 6390  # as they stand in the example's files


def free_port(wanted: int) -> int:
    """`wanted` if nobody listens there, else any free one."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            number: int = probe.getsockname()[1]
            return number
    raise SystemExit("demo: no free port on 127.0.0.1")


def copy_site(folder: Path, environ: dict[str, str]) -> int:
    """The example with ports of its own, without Redis if there is none; returns the site's port."""
    shutil.copytree(ROOT / "examples/demo", folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    web, redis = free_port(WEB_PORT), free_port(REDIS_PORT)
    for name in ("hotclub.toml", "hotclub.d/redis.toml", "demo/settings.py"):
        file = folder / name
        file.write_text(file.read_text().replace(str(WEB_PORT), str(web)).replace(str(REDIS_PORT), str(redis)))
    if shutil.which("redis-server", path=environ["PATH"]) is None:
        (folder / "hotclub.d/redis.toml").unlink()
    return web


def environment() -> dict[str, str]:
    """The commands of .venv come first; another site's HOTCLUB_ variables do not count here."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HOTCLUB_")}
    environ["PATH"] = f"{ROOT / '.venv/bin'}:{environ.get('PATH', '/usr/local/bin:/usr/bin:/bin')}:/usr/sbin"
    return environ


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def wait_for(url: str, hotclub: subprocess.Popen[bytes]) -> bool:
    """Whether the page answers; False when hotclub ended or patience did."""
    end = time.monotonic() + PATIENCE
    while hotclub.poll() is None and time.monotonic() < end:
        if answers(url):
            return True
        time.sleep(0.1)
    return False


def down(config: Path, environ: dict[str, str]) -> None:
    """Asks for the end. Not by a signal: whoever sent this process one may have sent it to the whole group, and two
    mean hurry."""
    stop = [str(COMMAND), "down", "-c", str(config)]
    subprocess.run(stop, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)


def run_dir(config: Path, environ: dict[str, str]) -> Path | None:
    """Where hotclub keeps socket and lock of this copy; removed with it."""
    status = [str(COMMAND), "status", "--json", "-c", str(config)]
    done = subprocess.run(status, env=environ, capture_output=True, stdin=subprocess.DEVNULL, check=False)
    try:
        return Path(json.loads(done.stdout)["places"]["run_dir"])
    except (ValueError, KeyError):
        return None


def invitation(url: str, config: Path) -> str:
    here = os.environ.get("OLDPWD", os.getcwd())
    command = os.path.relpath(COMMAND, here)
    command = str(COMMAND) if command.startswith("..") else command
    return f"""
  The site answers:  {url}

  Try in another terminal:
    {command} ps -c {config}
    {command} logs -f -c {config}
    {command} restart web -c {config}

  Ctrl-C stops everything.
"""


def main() -> int:
    environ = environment()
    folder = Path(tempfile.mkdtemp(prefix="hotclub-demo-"))
    run: Path | None = None
    try:
        port = copy_site(folder, environ)
        config, url = folder / "hotclub.toml", f"http://127.0.0.1:{port}/"
        hotclub = subprocess.Popen([str(COMMAND), "up", "-c", str(config)], env=environ, cwd=folder)
        signal.signal(signal.SIGTERM, lambda *_: down(config, environ))
        # The terminal gives these to hotclub too; it decides, and this process stays to clean up.
        signal.signal(signal.SIGINT, lambda *_: None)
        signal.signal(signal.SIGHUP, lambda *_: None)
        if wait_for(url, hotclub):
            run = run_dir(config, environ)
            print(invitation(url, config), flush=True)
        elif hotclub.poll() is None:
            print(f"demo: {url} does not answer after {PATIENCE:.0f} s; the lines above say why.", file=sys.stderr)
            down(config, environ)
        return hotclub.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if run is not None:
            shutil.rmtree(run, ignore_errors=True)


if __name__ == "__main__":
    raise SystemExit(main())
