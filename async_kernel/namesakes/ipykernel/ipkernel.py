"""`ipykernel.ipkernel`: the installed one, without its effect on all comms of the process at its import."""

from __future__ import annotations

from async_kernel.comms import keep_hooks
from async_kernel.namesakes.installed import become

with keep_hooks():
    become(__name__)
