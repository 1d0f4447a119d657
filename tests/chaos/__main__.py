"""`python -m tests.chaos`: see the package."""

import sys

import pytest

if __name__ == "__main__":
    sys.exit(pytest.main(["tests/chaos", "-m", "chaos", *sys.argv[1:]]))
