"""Looks the pinned packages of each lock up in a database of known vulnerabilities.

    python release/audit.py [LOCK ...]    # needs: pip install pip-audit

pip-audit alone says "No known vulnerabilities found", with status 0, when it has found none of the packages in its
database: so it does when that cannot be reached. This counts the packages that were looked up, and names those that
were not. The exit status is 1 when one has a known vulnerability; a database that is not there fails nobody's run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

RELEASE = Path(__file__).parent


class Found(NamedTuple):
    """What the database says of one lock."""

    vulnerable: Sequence[str]
    """The packages with a known vulnerability, each with what is known of it."""
    sound: int
    """How many were looked up and have none."""
    skipped: Sequence[str]
    """The packages that nothing is known of."""
    error: str = ""
    """Why nothing was looked up at all."""

    def said(self, lock: str) -> str:
        """The lines for a reader: what was found, and loudly what was not looked for."""
        if self.error:
            return f"{_WARNING}{lock}: NOT AUDITED: {self.error}"
        looked_up = self.sound + len(self.vulnerable)
        lines = [f"{lock}: {looked_up} packages looked up, {len(self.vulnerable)} with a known vulnerability"]
        lines += [f"  {each}" for each in self.vulnerable]
        if self.skipped:
            lines.append(
                f"{_WARNING}{lock}: NOT AUDITED: {len(self.skipped)} of {looked_up + len(self.skipped)} packages; the "
                f"database does not know them, or cannot be reached: {', '.join(self.skipped)}"
            )
        return "\n".join(lines)


_WARNING = "::warning::" if os.environ.get("GITHUB_ACTIONS") else "warning: "
"""How a line begins that people are to see: GitHub shows it at the head of the run."""


def judge(report: str, errors: str) -> Found:
    """What pip-audit has found, by its report as JSON and by what it has written beside that."""
    try:
        packages: list[dict[str, Any]] = json.loads(report)["dependencies"]
    except ValueError:  # it has ended before: its last line says why
        return Found([], 0, [], (errors.strip().splitlines() or ["pip-audit says nothing"])[-1])
    vulnerable = [
        f"{each['name']} {each['version']}: {_known(each['vulns'])}" for each in packages if each.get("vulns")
    ]
    skipped = [each["name"] for each in packages if "skip_reason" in each]
    return Found(vulnerable, len(packages) - len(vulnerable) - len(skipped), skipped)


def _known(vulnerabilities: Sequence[dict[str, Any]]) -> str:
    return "; ".join(
        f"{each['id']}, fixed in {', '.join(each.get('fix_versions', ())) or 'no version yet'}"
        for each in vulnerabilities
    )


def audit(lock: Path) -> Found:
    """Look up what one lock pins."""
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        "--no-deps",
        "--disable-pip",
        "--format=json",
        "--progress-spinner=off",
    ]
    done = subprocess.run([*command, f"--requirement={lock}"], capture_output=True, text=True, check=False)
    return judge(done.stdout, done.stderr)


def main(arguments: Sequence[str]) -> int:
    """Audit these locks, by default all; 1 when a package has a known vulnerability."""
    failed = False
    for lock in map(Path, arguments) if arguments else sorted(RELEASE.glob("*-environment.txt")):
        found = audit(lock)
        print(found.said(lock.name), flush=True)
        failed |= bool(found.vulnerable)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
