"""`python -m hotclub`: the command."""

import sys

from hotclub.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
