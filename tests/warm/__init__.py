"""Kernels that start from ready processes: they are as cold ones are, or cold."""
