"""Kernels beyond the server's machine: through gateways, a hub, provisioners, and between hosts that the tests make.

    pytest tests/beyond -m beyond

It is a command of its own, not part of `.ci/run`: it makes two environments, and takes some minutes. Each way starts
a kernel, runs a cell, interrupts one, restarts the kernel, and ends it; then no process of it is left.
"""
