"""`ipykernel.comm`: comms of the kernel that runs, for bokeh, pyviz_comms, matplotlib's nbagg and ipyparallel."""

from .comm import Comm
from .manager import CommManager

__all__ = ["Comm", "CommManager"]
