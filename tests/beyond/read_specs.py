"""What a gateway's own classes say of the specs of a folder: `python read_specs.py NAME ...`, in its environment. It
prints, for each spec, the class that would start it and the configuration that this has read.

Some of the classes look for a cluster while they are imported, and for Docker's daemon: neither is here, and both are
answered by nobody.
"""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from typing import Any
from unittest.mock import MagicMock

import docker
import kubernetes.config
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

kubernetes.config.load_incluster_config = lambda *_, **__: None
docker.DockerClient.from_env = docker.from_env = MagicMock()


def by_enterprise_gateway(name: str) -> dict[str, Any]:
    """By Enterprise Gateway: the class of process proxies."""
    from enterprise_gateway.services.kernels.remotemanager import get_process_proxy_config
    from enterprise_gateway.services.processproxies.processproxy import BaseProcessProxyABC
    from traitlets.utils.importstring import import_item

    found = get_process_proxy_config(KernelSpecManager().get_kernel_spec(name))
    kind = import_item(found["class_name"])
    assert issubclass(kind, BaseProcessProxyABC)
    return {"class": kind.__name__, "config": found["config"]}


def by_gateway_provisioners(name: str) -> dict[str, Any]:
    """By gateway_provisioners: an instance of the provisioner, made by jupyter_client."""
    from gateway_provisioners.remote_provisioner import RemoteProvisionerBase
    from jupyter_client.provisioning.factory import KernelProvisionerFactory

    factory, manager = KernelProvisionerFactory.instance(), KernelManager(kernel_name=name)
    assert factory.is_provisioner_available(manager.kernel_spec)
    made = factory.create_provisioner_instance("1", manager.kernel_spec, manager)
    assert isinstance(made, RemoteProvisionerBase)
    return {"class": type(made).__name__, "config": {"image_name": getattr(made, "image_name", None)}}


if __name__ == "__main__":
    read = by_enterprise_gateway if find_spec("enterprise_gateway") else by_gateway_provisioners
    print(json.dumps({name: read(name) for name in sys.argv[1:]}))
