"""`python -m hotclub.daemon`: started by the keeper, never by hand."""

import sys

from hotclub.daemon.main import main

if __name__ == "__main__":
    sys.exit(main())
