"""`python -m tests.chaos`: see the package."""

import sys

import pytest

if __name__ == "__main__":
    named = any(word.startswith("tests/") for word in sys.argv[1:])
    sys.exit(pytest.main([*([] if named else ["tests/chaos"]), "-m", "chaos", *sys.argv[1:]]))
