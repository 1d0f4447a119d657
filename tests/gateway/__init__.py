"""Kernels that a gateway starts: the contract, against a gateway that the tests make (`service`)."""
