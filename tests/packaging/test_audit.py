"""The audit of the locks says what it has not looked up: pip-audit's own words for that are those of success."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.packaging.projects import CHECKOUT

spec = importlib.util.spec_from_file_location("audit", CHECKOUT / "release" / "audit.py")
assert spec is not None
assert spec.loader is not None
audit = importlib.util.module_from_spec(spec)
spec.loader.exec_module(audit)

SOUND = {"name": "anyio", "version": "4.16.0", "vulns": []}
SKIPPED = {"name": "trio", "skip_reason": "Dependency not found on PyPI and could not be audited: trio (0.32)"}
BROKEN = {"name": "jinja2", "version": "3.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3.1.6"], "aliases": []}]}


@pytest.mark.parametrize(
    ("packages", "status", "said"),
    [
        ([SOUND, SOUND], 0, ["a.txt: 2 packages looked up, 0 with a known vulnerability"]),
        (
            [SKIPPED, SKIPPED],
            0,
            ["a.txt: 0 packages looked up, 0 with a known vulnerability", "NOT AUDITED: 2 of 2 packages", "trio, trio"],
        ),
        ([SOUND, SKIPPED], 0, ["a.txt: 1 packages looked up", "NOT AUDITED: 1 of 2 packages"]),
        ([SOUND, BROKEN], 1, ["2 packages looked up, 1 with a known", "  jinja2 3.0: PYSEC-1, fixed in 3.1.6"]),
    ],
    ids=["all are known", "no database", "one is not known", "a vulnerability"],
)
def test_it_says_what_was_looked_up(
    packages: list[object],
    status: int,
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    report = json.dumps({"dependencies": packages, "fixes": []})
    answer = SimpleNamespace(stdout=report, stderr="No known vulnerabilities found")
    monkeypatch.setattr(audit.subprocess, "run", lambda *_, **__: answer)
    assert audit.main(["release/a.txt"]) == status
    out = capsys.readouterr().out
    assert [text for text in said if text not in out] == []
    assert ("NOT AUDITED" in out) == (SKIPPED in packages)


def test_it_says_why_it_could_not_look(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    answer = SimpleNamespace(stdout="", stderr="WARNING: a\nERROR:pip_audit._cli:Could not connect to the service\n")
    monkeypatch.setattr(audit.subprocess, "run", lambda *_, **__: answer)
    assert audit.main(["release/a.txt"]) == 0, "that is no fault of a commit"
    assert capsys.readouterr().out.endswith("NOT AUDITED: ERROR:pip_audit._cli:Could not connect to the service\n")


def test_all_locks_are_audited(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []

    def look(lock: Path) -> object:
        asked.append(lock)
        return audit.Found([], 1, [])

    monkeypatch.setattr(audit, "audit", look)
    assert audit.main([]) == 0
    assert asked == sorted((CHECKOUT / "release").glob("*-environment.txt"))
    assert asked
