"""The log room: from the pipes of the children to files, the console and whoever asks.

Bytes stay bytes, and stay out of this process. `raw` output is spliced from the pipe into the file; output that
must be looked at is spliced onto a `tape`, memory that the keeper holds, and goes on from there in steps that a
new daemon can take back. So a `kill -9` at any moment loses and doubles no byte of a log file.

`stream` is a process's stdout or stderr with the pipes of its births, `sinks` are the three ways to its end,
`file` is a log file with its rotated ones and its index of `times`, `trouble` a disk that does not take more.
Everything that reads (`console`, `reader`) reads files and tapes through a `feed`, woken by the stream and at its
own pace: nobody who is slow holds up a child or fills our memory.
"""

from hotclub.daemon.logs.console import Console
from hotclub.daemon.logs.logs import Logs

__all__ = ["Console", "Logs"]
