"""The program of a driver that Spark's operator starts for a gateway.

An image of Spark and this kernel needs it at the path that the gateway's template for the operator names, by itself
`/usr/local/bin/kernel-launchers/python/scripts/launch_ipykernel.py`.
"""

import sys
from runpy import run_module

sys.argv.insert(1, "--gateway=container")
run_module("async_kernel", run_name="__main__", alter_sys=True)
