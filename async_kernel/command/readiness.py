"""Whether a kernel can run as its spec says: the plan that the Python of the spec makes, in the spec's environment."""

from __future__ import annotations

import os

from async_kernel.errors import AsyncKernelError
from async_kernel.kernelspec.listing import Found, settings_or_none
from async_kernel.kernelspec.surroundings import Surroundings
from async_kernel.settings import Settings, render

__all__ = ["hindrance"]

PROVISIONERS = "jupyter_client.kernel_provisioners"
"""The group of entry points in which jupyter_client looks for the provisioner that a spec names."""

_ASK = """
import json, sys
from async_kernel.errors import AsyncKernelError
from async_kernel.launcher import make_plan
from async_kernel.settings import parse
try:
    make_plan(parse(sys.argv[1:]).settings)
except AsyncKernelError as error:
    print(json.dumps([error.message, error.next_step]))
"""
_DEADLINE = 10.0


def hindrance(found: Found, here: Surroundings) -> AsyncKernelError | None:
    """Why the kernel of a spec of ours cannot run, with the remedy: a provisioner, a backend or a toolkit that is
    missing, or no display. None where nothing is in the way, or nothing can be known.

    No backend and no toolkit is imported. Another Python than this one is asked in a process of its own. A provisioner
    is a matter of the server's environment, which this one is taken for: a Jupyter beside us looks here.
    """
    settings = settings_or_none(found)
    if settings is None or found.spec is None or found.problem:
        return None
    if settings.attributes.get("gateway.way"):
        return _without_gateway(settings, found, here)
    if found.spec.provisioner and found.spec.provisioner not in _provisioners():
        return AsyncKernelError(
            f"The kernel provisioner {found.spec.provisioner!r} is not installed in this environment.",
            "Install its package into the environment of the Jupyter server, and run this command there.",
        )
    environ = {**here.environ, **found.spec.env}
    if found.interpreter != here.executable:
        return _asked(found.interpreter, settings, environ)
    from async_kernel import launcher

    try:
        launcher.make_plan(settings, environ)
    except AsyncKernelError as error:
        return error
    return None


def _without_gateway(settings: Settings, found: Found, here: Surroundings) -> AsyncKernelError | None:
    """The same for a spec of a gateway, of which one of the two has to be here: it is a matter of its environment."""
    from importlib.util import find_spec

    from async_kernel.gateway import handing_over

    assert found.spec is not None
    if found.spec.provisioner not in _provisioners() and find_spec("enterprise_gateway") is None:
        return AsyncKernelError(
            f"This environment has neither Enterprise Gateway nor the kernel provisioner {found.spec.provisioner!r}.",
            "Install gateway_provisioners beside the Jupyter server, or run this in the environment of the gateway.",
        )
    environ = {**here.environ, **found.spec.env}
    if settings.attributes["gateway.way"] not in handing_over.ELSEWHERE and found.interpreter != here.executable:
        return None  # an interpreter of the other machine
    try:
        handing_over.check(settings, environ)
    except AsyncKernelError as error:
        return error
    return None


def _provisioners() -> frozenset[str]:
    from importlib.metadata import entry_points

    return frozenset(entry_points(group=PROVISIONERS).names)


def _asked(interpreter: str, settings: Settings, environ: dict[str, str]) -> AsyncKernelError | None:
    import json
    import subprocess

    try:
        answer = subprocess.run(
            [interpreter, "-P", "-c", _ASK, *render(settings)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_DEADLINE,
            env=environ,
            cwd=os.path.dirname(interpreter) or None,  # noqa: PTH120, a path would say "."
        )
        message, next_step = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):  # nothing was printed: nothing is in the way
        return None
    return AsyncKernelError(message, next_step)
