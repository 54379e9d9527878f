"""``python -m topgun`` and the command ``topgun``."""

from __future__ import annotations

import sys

from .cli.arguments import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
