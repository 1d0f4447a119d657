"""The ways in which gateways start kernels, and the words of a spec for each.

Enterprise Gateway looks for a process proxy in the metadata of a spec, jupyter_client for a provisioner, such as one of
gateway_provisioners. A spec names both ("Kernel specifications" in the documentation of both).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from async_kernel.errors import UsageError

from .commands import Settings

__all__ = ["WAYS", "Way", "filled_in", "provisioner", "stanza"]


class Way(NamedTuple):
    """A way: Enterprise Gateway's class of process proxies, and the provisioner of gateway_provisioners."""

    process_proxy: str
    provisioner: str
    needs_image: bool = False


_PROXIES = "enterprise_gateway.services.processproxies"

WAYS: Mapping[str, Way] = MappingProxyType(
    {
        "ssh": Way(f"{_PROXIES}.distributed.DistributedProcessProxy", "distributed-provisioner"),
        "k8s": Way(f"{_PROXIES}.k8s.KubernetesProcessProxy", "kubernetes-provisioner", needs_image=True),
        "docker": Way(f"{_PROXIES}.docker_swarm.DockerProcessProxy", "docker-provisioner", needs_image=True),
        "yarn": Way(f"{_PROXIES}.yarn.YarnClusterProcessProxy", "yarn-provisioner"),
        "spark": Way(
            f"{_PROXIES}.spark_operator.SparkOperatorProcessProxy", "spark-operator-provisioner", needs_image=True
        ),
    }
)

_PLACEHOLDERS = ("response_address", "public_key", "port_range", "kernel_id", "transport_encryption")
"""The values that a gateway fills in, in the words of an argv: `{response_address}`."""


def filled_in(settings: Settings) -> Settings | None:
    """The settings of a spec for a gateway: its placeholders are in their attributes. None without a gateway."""
    if not settings.attributes.get("gateway.way"):
        return None
    _way(settings.attributes["gateway.way"])
    placeholders = {f"gateway.{name}": f"{{{name}}}" for name in _PLACEHOLDERS}
    attributes = {**placeholders, **settings.attributes}
    return settings._replace(connection_file="", attributes=MappingProxyType(attributes))


def provisioner(way: str) -> str:
    """The provisioner of gateway_provisioners for a way: `provisioner("ssh") == "distributed-provisioner"`."""
    return _way(way).provisioner


def stanza(way: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part of the metadata that Enterprise Gateway reads. UsageError for containers of no image."""
    found = _way(way)
    if found.needs_image and not options.get("image_name"):
        raise UsageError(
            f"--gateway={way} starts a container, and needs the name of its image.",
            "Add --gateway_options=\"{'image_name': 'registry/async-kernel:1'}\"",
        )
    return {"process_proxy": {"class_name": found.process_proxy, "config": dict(options)}}


def _way(name: str) -> Way:
    if name not in WAYS:
        raise UsageError(
            f"--gateway={name} is for the command in a container, not for a spec.", f"Use one of {', '.join(WAYS)}."
        )
    return WAYS[name]
