"""Warm starts: processes that have imported the kernel's stack already, and become a kernel when one is asked for.

A server's process has the `provisioner` and its `pool`; a ready process is a `standby`. Both know a `channel`
and the properties that a process `inherits`, and nothing of each other's rest.
"""
