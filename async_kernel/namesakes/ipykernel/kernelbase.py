"""`ipykernel.kernelbase`: the installed one, whose `Kernel.instance()` is the kernel that runs.

Classes that others derive from `Kernel` make instances of their own, as ever.
"""

from __future__ import annotations

from typing import Any

from async_kernel.namesakes.installed import become


def _know_the_running_kernel(base: Any) -> None:
    instance, initialized = base.instance.__func__, base.initialized.__func__

    def is_ours(kind: Any) -> bool:
        return kind is base and kind._instance is None

    def instance_here(kind: Any, *args: Any, **kwargs: Any) -> Any:
        """The running kernel, unless an instance of `kind` was made."""
        from async_kernel.ipython.shell_registry import shell_here

        return shell_here().kernel if is_ours(kind) else instance(kind, *args, **kwargs)

    def initialized_here(kind: Any) -> bool:
        """Whether there is an instance: one runs."""
        return is_ours(kind) or bool(initialized(kind))

    base.instance, base.initialized = classmethod(instance_here), classmethod(initialized_here)


_know_the_running_kernel(become(__name__).Kernel)
