"""A real keeper process, and the test as its daemon."""

import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from hotclub.posix import pidfd, sockets, tree
from hotclub.wire import frames, house

PUPPET = [sys.executable, str(Path(__file__).with_name("puppet.py"))]
SECONDS = 5.0


def until(condition, what="the condition", seconds=SECONDS):
    """The first true answer of `condition`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = condition()
        if answer:
            return answer
        time.sleep(0.005)
    pytest.fail(f"{what} did not come true within {seconds} s")


def gone(pid):
    seen = tree.stat(pid)
    return seen is None or seen.state in "ZX"


class Puppet:
    """The test's side of one daemon: its line, its pid, and the thread it hangs by."""

    def __init__(self, control):
        self.control = control
        data, fds, _, _ = socket.recv_fds(control, 64, 1)
        self.pid = int(data)
        self.link = socket.socket(fileno=fds[0])
        self.link.setblocking(False)
        self.answers = True  #: say Seen for every frame
        self.kept = []  #: descriptors that came

    def send(self, message, fds=()):
        frames.send(self.link, house.encode(message), list(fds))

    def send_when_possible(self, message):
        while True:
            try:
                return self.send(message)
            except BlockingIOError:
                select.select([], [self.link], [], SECONDS)

    def receive(self, seconds=SECONDS) -> Any:
        """The next message, or None at the end of the line."""
        end = time.monotonic() + seconds
        while True:
            try:
                received = frames.receive(self.link)
            except BlockingIOError:
                left = end - time.monotonic()
                ready = left > 0 and select.select([self.link], [], [], left)[0]
                if not ready:
                    pytest.fail("the keeper said nothing")
                continue
            if received is None:
                return None
            message: Any = house.decode(received[0])
            self.kept += received[1]
            if self.answers:
                try:
                    self.send(house.Seen(number=message.number))
                except OSError:
                    pass
            return message

    def expect(self, kind, **values):
        """The next message of this kind with these values; others are passed over."""
        while True:
            message = self.receive()
            assert message is not None, f"the line ended before {kind.__name__}"
            if isinstance(message, kind) and all(getattr(message, name) == value for name, value in values.items()):
                return message

    def silent(self, seconds=0.2):
        """Nothing comes for a while."""
        return not select.select([self.link], [], [], seconds)[0]

    def takeover(self):
        messages = []
        while True:
            messages.append(self.receive())
            if isinstance(messages[-1], house.Settled):
                return messages

    def spawn(self, token, *argv, **more):
        self.send(house.Spawn(token=token, argv=list(argv), cwd="/", **more))
        return self.expect(house.Born, token=token)

    def exit(self, code):
        self.control.send(str(code).encode())
        self.close()

    def kill(self, signum=signal.SIGKILL):
        os.kill(self.pid, signum)
        self.close()

    def close(self):
        self.link.close()
        self.control.close()
        for fd in self.kept:
            os.close(fd)
        self.kept = []


class House:
    """A keeper process. `daemon()` is the next daemon that it starts."""

    def __init__(self, folder, *, options=(), command=PUPPET, prefix=(), environment=()):
        self.folder = folder
        self.id = os.urandom(8).hex()
        self.api_path = str(folder / "api.sock")
        self.api = sockets.listen_unix(self.api_path)
        self.meeting = sockets.listen_unix(str(folder / "meeting.sock"))
        self.meeting.setblocking(True)
        self.meeting.settimeout(SECONDS)
        self.puppets = []
        self.errors = (folder / "keeper.err").open("w+")
        self.process = subprocess.Popen(
            [
                *prefix, sys.executable, "-m", "hotclub.keeper", "--run-dir", str(folder),
                "--hold", f"api={self.api.fileno()}", *options, "--", *command,
            ],
            env={
                **os.environ, "HOTCLUB_HOUSE": self.id, "PUPPET_SOCKET": str(folder / "meeting.sock"),
                **dict(environment),
            },
            pass_fds=[self.api.fileno()],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.errors, start_new_session=True,
        )  # fmt: skip
        self.api.close()

    @property
    def pid(self):
        return self.process.pid

    def daemon(self):
        puppet = Puppet(self.meeting.accept()[0])
        self.puppets.append(puppet)
        return puppet

    def start(self):
        """The first daemon, taken over."""
        puppet = self.daemon()
        puppet.takeover()
        return puppet

    def signal(self, signum):
        os.kill(self.pid, signum)

    def wait(self, seconds=SECONDS):
        return self.process.wait(seconds)

    def ask(self):
        """What the API answers."""
        with socket.socket(socket.AF_UNIX) as caller:
            caller.settimeout(SECONDS)
            caller.connect(self.api_path)
            caller.sendall(b"GET /api/v1/status HTTP/1.0\r\n\r\n")
            answer = b""
            while part := caller.recv(65536):
                answer += part
            return answer.decode()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for puppet in self.puppets:
            puppet.close()
        self.meeting.close()
        self.errors.close()
        for stray in tree.marked("HOTCLUB_HOUSE", self.id):
            pidfd.send(stray, signal.SIGKILL)
