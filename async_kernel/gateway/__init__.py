"""A kernel that a gateway has started: on another machine, in a container, or by a scheduler.

Enterprise Gateway and gateway_provisioners share one contract ("Implementing a kernel launcher" in the documentation
of both). Whoever starts the kernel gives it an address, a public key and an id. The kernel chooses its ports, tells
them to that address, encrypted, and serves one port more: there the gateway sends signals and the shutdown, since it
has no process to signal.

`launch` is the kernel's side of it, in the process of the kernel; `envelope` is the encryption; `comm_port` serves the
further port, in a process of its own; `handing_over` is for kernels that start in a container or by a scheduler. The
room is imported only by a kernel that was told of a gateway.
"""
