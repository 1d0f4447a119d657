"""Kernels that a gateway has started elsewhere: in a container, or by a scheduler.

At the gateway the argv of the spec starts a script of the gateway's own, which makes the container; the settings of the
kernel go along as KERNEL_ARGUMENTS. In the container `async-kernel --gateway=container` reads all from the environment.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from async_kernel.errors import MissingPackageError, UsageError
from async_kernel.settings import Settings, Start, merge, parse, render

__all__ = ["ELSEWHERE", "check", "command_of", "hand_over", "settings_of_container"]

ARGUMENTS = "KERNEL_ARGUMENTS"
"""The variable with the settings of a kernel in a container. The gateways hand down names with this beginning, and
their scripts read each value as YAML, whatever it is."""

_SCRIPTS = {
    "k8s": "kubernetes/scripts/launch_kubernetes.py",
    "docker": "docker/scripts/launch_docker.py",
    "spark": "operators/scripts/launch_custom_resource.py",
}

ELSEWHERE = frozenset({*_SCRIPTS, "yarn"})
"""The ways in which the kernel does not run where its argv does."""

_OF_CONTAINER = {
    "gateway.response_address": ("RESPONSE_ADDRESS", "EG_RESPONSE_ADDRESS"),
    "gateway.public_key": ("PUBLIC_KEY", "EG_PUBLIC_KEY"),
    "gateway.kernel_id": ("KERNEL_ID",),
    "gateway.port_range": ("PORT_RANGE", "EG_PORT_RANGE"),
    "gateway.transport_encryption": ("TRANSPORT_ENCRYPTION",),
}
"""The variables in which the scripts of gateway_provisioners and of Enterprise Gateway tell a container."""


def hand_over(settings: Settings, environ: Mapping[str, str]) -> Settings:
    """The settings of a kernel that is to run here. Where it is to run elsewhere, this process becomes the program that
    starts it there. Raises what `check` raises."""
    way = settings.attributes.get("gateway.way")
    if way == "container":
        return settings_of_container(settings, environ)
    if way in ELSEWHERE:
        check(settings, environ)
        command, variables = command_of(settings, environ)
        os.execvpe(command[0], list(command), {**environ, **variables})  # noqa: S606  # without a shell, as is meant
    return settings


def check(settings: Settings, environ: Mapping[str, str]) -> None:
    """Raise MissingPackageError or UsageError where this machine lacks a need of the way of the gateway."""
    way = settings.attributes.get("gateway.way")
    if way == "yarn":
        _spark_submit(environ)
    elif way in ELSEWHERE:
        _script(way, settings.attributes.get("gateway.launcher") or "")
    elif sys.platform == "win32":
        raise UsageError(
            "Gateways can start this kernel on Linux and macOS only, since they end it by signals.", "Start it with -f."
        )
    elif find_spec("Cryptodome") is None:
        raise MissingPackageError(
            "A kernel of a gateway needs the package pycryptodomex.",
            "pycryptodomex",
            f"{sys.executable} -m pip install pycryptodomex",
        )


def settings_of_container(settings: Settings, environ: Mapping[str, str]) -> Settings:
    """The settings in a container: those that are given, those of the spec at the gateway, and those that the gateway
    fills in. UsageError where the last are not there."""
    told: dict[str, Any] = {}
    for name, variables in _OF_CONTAINER.items():
        value = next((environ[one] for one in variables if environ.get(one)), None)
        if value is not None:
            told[name] = value
    if not (told.keys() | settings.attributes) & {"gateway.response_address"}:
        raise UsageError(
            "This container was not started by a gateway: RESPONSE_ADDRESS is not set.",
            "Start the image from a spec of `async-kernel -a NAME --gateway=k8s`, or run `async-kernel -f .` in it.",
        )
    said = parse(["-f", ".", *_words(environ.get(ARGUMENTS, ""))])
    if not isinstance(said, Start):
        raise UsageError(f"{ARGUMENTS} contains a command instead of settings.", "Write the spec again.")
    settings = merge(settings, said.settings)
    attributes = {**settings.attributes, **told}
    del attributes["gateway.way"]
    return settings._replace(connection_file="", attributes=attributes)


def command_of(settings: Settings, environ: Mapping[str, str]) -> tuple[Sequence[str], Mapping[str, str]]:
    """The program that starts the kernel elsewhere, with its arguments, and the variables that it needs."""
    way = settings.attributes["gateway.way"]
    plain = {name: value for name, value in settings.attributes.items() if not name.startswith("gateway.")}
    if way == "yarn":
        return _spark_command(settings._replace(attributes={**plain, **_contract(settings)}), environ), {}
    command = [sys.executable, _script(way, settings.attributes.get("gateway.launcher") or "")]
    for name, value in _contract(settings).items():
        command += [f"--{name.removeprefix('gateway.').replace('_', '-')}", value]
    # A word on the connection file is none of the settings.
    words = render(settings._replace(connection_file=".", attributes=plain))[2:]
    return command, {ARGUMENTS: json.dumps(words)}


def _words(text: str) -> Sequence[str]:
    """The words in ARGUMENTS: a list of JSON, as we write it, or as in a shell, as somebody may."""
    if not text.startswith("["):
        return shlex.split(text)
    try:
        words: Sequence[str] = json.loads(text)
    except ValueError:
        raise UsageError(f"{ARGUMENTS} holds a broken list of JSON.", "Write the spec again.") from None
    return words


def _contract(settings: Settings) -> Mapping[str, str]:
    """The values that the gateway has filled in, under the names of its own launchers."""
    return {
        name: value
        for name in _OF_CONTAINER
        if (value := settings.attributes.get(name)) and not value.startswith("{")  # it knows nothing of the rest
    }


def _script(way: str, named: str) -> str:
    """The gateway's script for a way. gateway_provisioners brings it; that of Enterprise Gateway has to be named."""
    if named:
        if not Path(named).is_file():
            raise UsageError(f"There is no launcher {named}.", "Give the path of the gateway's script.")
        return named
    found = find_spec("gateway_provisioners")
    script = Path(found.origin).parent / "kernel-launchers" / _SCRIPTS[way] if found and found.origin else None
    if script is None or not script.is_file():
        raise MissingPackageError(
            f"The script that starts a kernel for --gateway={way} is not installed.",
            "gateway_provisioners",
            f"{sys.executable} -m pip install gateway_provisioners, or for Enterprise Gateway name its script: "
            f"--gateway.launcher=/usr/local/share/jupyter/kernel-launchers/{_SCRIPTS[way]}",
        )
    return str(script)


def _spark_submit(environ: Mapping[str, str]) -> str:
    from shutil import which

    home = environ.get("SPARK_HOME", "")
    found = which(os.path.join(home, "bin", "spark-submit") if home else "spark-submit")  # noqa: PTH118  # a name to look up
    if found is None:
        raise UsageError(
            "YARN starts kernels with spark-submit, which is not installed.",
            "Set the folder of Spark: async-kernel -a NAME --gateway=yarn --env=SPARK_HOME=/usr/lib/spark.",
        )
    return found


def _spark_command(settings: Settings, environ: Mapping[str, str]) -> Sequence[str]:
    """YARN knows an application by its name, so the gateways look for the id of the kernel."""
    program = Path(__file__).parents[1] / "__main__.py"
    return [
        _spark_submit(environ),
        *("--master", "yarn", "--deploy-mode", "cluster", "--name", settings.attributes["gateway.kernel_id"]),
        *("--conf", "spark.yarn.submit.waitAppCompletion=false"),
        *shlex.split(environ.get("SPARK_OPTS", "")),
        str(program),
        *render(settings._replace(connection_file="")),
    ]
