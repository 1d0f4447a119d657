"""Kernels in containers and of schedulers, by gateway_provisioners' own provisioners, scripts and templates: all of the
way but the cluster, for which `stand_ins` stand."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import kubernetes_validate
import pytest

from ..browser.server import free_port
from ..environments import ROOT
from .conftest import Serve, Write
from .rest import Sessions
from .stand_ins import Docker, Kubernetes, StandIn, Yarn
from .test_gateways import server

pytestmark = [
    pytest.mark.beyond,
    pytest.mark.timeout(900),  # the first test makes an environment
    pytest.mark.skipif(sys.platform == "win32", reason="gateways start kernels elsewhere"),
]

IMAGE = "registry.example/async-kernel:1"
OF_IMAGE = f"--gateway_options={{'image_name': {IMAGE!r}}}"
KUBERNETES = "1.31"


def life(python: Path, serve: Serve, spec: str, cluster: StandIn, **variables: str) -> None:
    """A life of a kernel of a server, whose two containers are asked for and end. YARN's provisioner wants an
    environment of the kernel, which the server gives to kernels of sessions alone."""
    port = free_port()
    variables |= {"GP_UNAUTHORIZED_USERS": "nobody", "GP_LAUNCH_TIMEOUT": "60"}
    with serve(server(python, port), port, **variables) as address:
        asyncio.run(Sessions(address, "t").life(spec))
    assert len(cluster.asked) == 2
    assert not any(container.runs for container in cluster.containers.values())


def in_image(python: Path) -> list[str]:
    """The command of `deploy/Containerfile`."""
    return [str(python), "-m", "async_kernel", "--gateway=container"]


def test_a_pod(gateways: Path, serve: Serve, write: Write, tmp_path: Path) -> None:
    spec = write("--gateway=k8s", OF_IMAGE, python=gateways)
    with Kubernetes(tmp_path, in_image(gateways)) as cluster:
        life(gateways, serve, spec, cluster, KUBECONFIG=str(cluster.config), GP_USE_INCLUSTER_CONFIG="False")
    for pod in cluster.asked:
        kubernetes_validate.validate(pod, KUBERNETES, strict=True)
        (container,) = pod["spec"]["containers"]
        assert container["image"] == IMAGE


def test_an_application_of_sparks_operator(gateways: Path, serve: Serve, write: Write, tmp_path: Path) -> None:
    """The script of the operator asks for the account that a pod has: here it takes the configuration of a user."""
    script = next(gateways.parents[1].rglob("launch_custom_resource.py"))
    launcher = tmp_path / "launcher.py"
    launcher.write_text(
        "import runpy, kubernetes.config as config\n"
        "config.load_incluster_config = config.load_kube_config\n"
        f"runpy.run_path({str(script)!r}, run_name='__main__')\n"
    )
    spec = write("--gateway=spark", OF_IMAGE, f"--gateway.launcher={launcher}", python=gateways)
    driver = [str(gateways), str(ROOT / "deploy" / "spark_driver.py")]
    with Kubernetes(tmp_path, [], driver) as cluster:
        life(gateways, serve, spec, cluster, KUBECONFIG=str(cluster.config), GP_USE_INCLUSTER_CONFIG="False")
    for application in cluster.asked:
        assert application["spec"]["image"] == IMAGE
        assert application["spec"]["mainApplicationFile"].endswith("/launch_ipykernel.py")


def test_a_container_of_docker(gateways: Path, serve: Serve, write: Write, tmp_path: Path) -> None:
    spec = write("--gateway=docker", OF_IMAGE, python=gateways)
    with Docker(tmp_path, in_image(gateways), os.environ["PATH"]) as daemon:
        life(gateways, serve, spec, daemon, DOCKER_HOST=f"tcp://{daemon.address}")
    for container in daemon.asked:
        assert container["Image"] == IMAGE
        assert container["HostConfig"]["AutoRemove"]


def test_an_application_of_yarn(gateways: Path, serve: Serve, write: Write, tmp_path: Path) -> None:
    environ = {name: os.environ[name] for name in ("PATH", "HOME", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR")}
    with Yarn(tmp_path, gateways, environ) as cluster:
        spec = write(
            "--gateway=yarn", f"--env=SPARK_HOME={cluster.home}", "--env=SPARK_OPTS=--conf a=b", python=gateways
        )
        life(gateways, serve, spec, cluster, GP_YARN_ENDPOINT=f"http://{cluster.address}")
    for application in cluster.asked:
        assert application["options"]["--master"] == ["yarn"]
        assert "a=b" in application["options"]["--conf"]
