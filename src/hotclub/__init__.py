"""hotclub: the process system for Django sites.

The folders are the processes: what is under `keeper/` runs in the keeper, under `daemon/` in the daemon,
under `client/` and `cli/` in the command someone typed. `model/` is values and rules and runs anywhere.
"""

__version__ = "0.1.0"
