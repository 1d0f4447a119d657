"""The operating system: interrupting a thread, watching a parent process. It knows nothing of kernels."""
