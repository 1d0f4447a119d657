"""The container image and the files for Kubernetes cannot be run here; linters and schemas look at them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from async_kernel.settings import Start, parse
from tests.packaging.projects import CHECKOUT, project

DEPLOY = CHECKOUT / "deploy"
IMAGE = DEPLOY / "Containerfile"
FILES = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
KUBERNETES = "1.31"


def hadolint(path: Path) -> list[str]:
    """The codes of what hadolint finds."""
    program = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert program, "hadolint is not installed: it is in the dependency group `packaging`"
    done = subprocess.run(
        [program, "--format=json", str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    return [found["code"] for found in json.loads(done.stdout)]


def test_the_linter_finds_nothing_in_the_image() -> None:
    assert hadolint(IMAGE) == []


def test_the_linter_would_find_a_fault(tmp_path: Path) -> None:
    broken = tmp_path / "Containerfile"
    broken.write_text(IMAGE.read_text().replace("FROM python:3.13-slim", "FROM python"))
    assert "DL3006" in hadolint(broken)


def test_the_image_installs_and_starts_things_that_are_there() -> None:
    text = IMAGE.read_text()
    extras = re.search(r'"/src\[([a-z,]+)\]"', text)
    assert extras
    assert set(extras[1].split(",")) <= set(project()["project"]["optional-dependencies"])
    for line in re.findall(r"^COPY (.*) \S+$", text, re.M):
        assert all((CHECKOUT / name).exists() for name in line.split())
    command = json.loads(re.findall(r"^CMD (.*)$", text, re.M)[0])
    start = parse(command[1:])
    assert isinstance(start, Start)
    assert start.settings.attributes == {"gateway.way": "container"}


def objects(path: Path) -> list[dict[str, Any]]:
    """The objects that a file describes."""
    return [each for each in yaml.safe_load_all(path.read_text()) if each]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_kubernetes_would_take_the_files(path: Path) -> None:
    for each in objects(path):
        kubernetes_validate.validate(each, KUBERNETES, strict=True)


def test_kubernetes_would_not_take_a_fault() -> None:
    (policy,) = objects(DEPLOY / "kubernetes" / "kernel-network.yaml")
    policy["spec"]["podSelectors"] = policy["spec"].pop("podSelector")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(policy, KUBERNETES, strict=True)
