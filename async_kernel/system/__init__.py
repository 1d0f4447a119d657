"""The operating system: interrupting a thread, parent and child processes, the end. It knows nothing of kernels."""
