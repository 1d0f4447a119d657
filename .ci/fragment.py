"""Ask a pull request for its changelog fragment.

    python .ci/fragment.py origin/main

Exit status 1 if the commits since that branch change the package and add or change no file of `release/changes`. Such
a change is rarely invisible to users; the label `internal` of the pull request says that it is, and the workflow then
does not ask.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import PurePosixPath

SEEN_BY_USERS = ("async_kernel", "share")
FRAGMENTS = PurePosixPath("release/changes")


def main(base: str) -> int:
    """Compare HEAD with the point where it left `base`."""
    command = ["git", "diff", "--name-only", "--diff-filter=d", f"{base}...HEAD"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    changed = [PurePosixPath(line) for line in printed.splitlines()]
    noticed = [str(path) for path in changed if path.parts[0] in SEEN_BY_USERS]
    fragments = [path for path in changed if path.parent == FRAGMENTS and path.name != "README.md"]
    if not noticed or fragments:
        return 0
    print(f"The package is changed, and no file of {FRAGMENTS} says how:", *noticed, sep="\n  ")
    print("Write release/changes/NAME.KIND.md; release/changes/README.md says what it contains.")
    print("If no user can notice the change, give the pull request the label `internal`.")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
