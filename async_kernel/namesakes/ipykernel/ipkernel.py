"""`ipykernel.ipkernel`: the installed one, without what it does to all comms of the process when it is imported."""

from __future__ import annotations

from async_kernel.comms import keep_hooks
from async_kernel.namesakes.installed import become

with keep_hooks():
    become(__name__)
