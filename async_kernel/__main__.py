"""`python -m async_kernel`: the command line."""

from __future__ import annotations

import sys

from async_kernel.command import command_line

if __name__ == "__main__":
    sys.exit(command_line())
