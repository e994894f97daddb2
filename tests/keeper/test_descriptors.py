"""What children get of the descriptors that were open when the keeper was executed: nothing."""

from __future__ import annotations

import os
import subprocess
import sys

CODE = """
import os, subprocess
from hotclub.posix import limits
limits.keep_descriptors()
print(subprocess.run(["ls", "/proc/self/fd"], close_fds=False, capture_output=True, text=True).stdout.split())
"""


def test_a_descriptor_of_the_shell_does_not_reach_children() -> None:
    read_end, write_end = os.pipe()
    try:
        done = subprocess.run(
            [sys.executable, "-c", CODE], pass_fds=[read_end, write_end], capture_output=True, text=True, check=True
        )
    finally:
        os.close(read_end)
        os.close(write_end)
    listed = set(eval(done.stdout))
    assert not {str(read_end), str(write_end)} & listed
    assert listed == {"0", "1", "2", "3"}  # 3 is the folder that `ls` reads
