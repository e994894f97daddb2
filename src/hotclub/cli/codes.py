"""Exit codes; docs/commands.md explains them."""

OK = 0
FAILED = 1  #: what was asked for did not work
USAGE = 2  #: wrong words or a wrong configuration
NOT_RUNNING = 3
NOT_UP = 4  #: `status`: it runs, and something wanted is not up
ALREADY = 5  #: `up`: somebody runs it already
SILENT = 6  #: the daemon does not answer
INTERRUPTED = 130
PIPE = 141
