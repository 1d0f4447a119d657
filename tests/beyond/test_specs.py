"""Specs for gateways, read by the gateways' own classes: those of the ways that the tests cannot go, too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from async_kernel.settings.gateways import WAYS

pytestmark = [
    pytest.mark.beyond,
    pytest.mark.timeout(900),  # the first test makes an environment
    pytest.mark.skipif(sys.platform == "win32", reason="gateways start kernels elsewhere"),
]

IMAGE = "registry/async-kernel:1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of Jupyter with a spec for each way, named by it."""
    folder = tmp_path_factory.mktemp("specs")
    for name, way in WAYS.items():
        options = [f"--gateway_options={{'image_name': {IMAGE!r}}}"] if way.needs_image else []
        command = [sys.executable, "-m", "async_kernel", "-a", name, f"--folder={folder / 'kernels'}"]
        subprocess.run([*command, f"--gateway={name}", *options], check=True, timeout=60, capture_output=True)
    return folder


def read(python: Path, folder: Path) -> Mapping[str, Mapping[str, object]]:
    """What the gateway of an environment reads in the specs."""
    done = subprocess.run(
        [str(python), str(Path(__file__).with_name("read_specs.py")), *WAYS],
        env={**os.environ, "JUPYTER_PATH": str(folder)}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: Mapping[str, Mapping[str, object]] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_enterprise_gateway_reads_them(enterprise: Path, folder: Path) -> None:
    assert read(enterprise, folder) == {
        name: {
            "class": way.process_proxy.rpartition(".")[2],
            "config": {"image_name": IMAGE} if way.needs_image else {},
        }
        for name, way in WAYS.items()
    }


def test_gateway_provisioners_read_them(gateways: Path, folder: Path) -> None:
    found = read(gateways, folder)
    assert {name: each["config"] for name, each in found.items()} == {
        name: {"image_name": IMAGE if way.needs_image else None} for name, way in WAYS.items()
    }
    assert {name: each["class"] for name, each in found.items()} == {
        "ssh": "DistributedProvisioner",
        "k8s": "KubernetesProvisioner",
        "docker": "DockerProvisioner",
        "yarn": "YarnProvisioner",
        "spark": "SparkOperatorProvisioner",
    }
