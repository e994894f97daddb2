"""A daemon that does nothing but exist: it hands its line to the test, which then speaks to the keeper in its place.

So a test can kill, stop or outlive a real daemon process and still say every word of the conversation itself.
"""

import array
import os
import signal
import socket
import sys

if __name__ == "__main__":
    signal.signal(signal.SIGABRT, signal.SIG_DFL)
    print("puppet: last words", file=sys.stderr, flush=True)
    link = int(os.environ["HOTCLUB_LINK"])
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(os.environ["PUPPET_SOCKET"])
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [link]))]
        control.sendmsg([str(os.getpid()).encode()], rights)
        os.close(link)
        answer = control.recv(16)  # an exit code, or the end of the test
    sys.exit(int(answer or b"0"))
