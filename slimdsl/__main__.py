"""`python -m slimdsl`, and the command `slimdsl`."""

from __future__ import annotations

import sys

try:
    from slimdsl.cli.main import main
except KeyboardInterrupt:
    # Whoever stops a command while it is still being loaded is told as little as one who stops it later.
    sys.exit(130)

if __name__ == "__main__":
    sys.exit(main())
