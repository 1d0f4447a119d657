"""`ipykernel.iostream`: the class of `sys.stdout` and `sys.stderr`.

click and typer keep colours for streams whose class is of this module, loguru and others ask by `isinstance`.
"""

from __future__ import annotations

from async_kernel.namesakes.installed import rest_of
from async_kernel.namesakes.names import known_as
from async_kernel.streams.output import RequestStream

__all__ = ["OutStream"]

OutStream = known_as(RequestStream, __name__, "OutStream")

__getattr__ = rest_of(__name__)
