"""`python -m slimdsl` is the command `slimdsl`."""

from __future__ import annotations

import sys

from slimdsl.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
