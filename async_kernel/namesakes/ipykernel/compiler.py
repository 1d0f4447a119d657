"""`ipykernel.compiler`: the names of cells' files, which ipytest and coverage's plugins build patterns from."""

from __future__ import annotations

from async_kernel.ipython.compiler import KernelCompiler, cell_folder, cell_name
from async_kernel.namesakes.installed import rest_of

__all__ = ["XCachingCompiler", "get_file_name", "get_tmp_directory", "get_tmp_hash_seed"]

XCachingCompiler = KernelCompiler


def get_tmp_directory() -> str:
    """The folder of the names of cells' files: "/tmp/ipykernel_4711"."""
    return cell_folder()


def get_tmp_hash_seed() -> int:
    """The seed of the hash (murmur2) that these names are made of."""
    from async_kernel.protocol.murmur2 import SEED

    return SEED


def get_file_name(code: str) -> str:
    """The name that the code of a cell is compiled under."""
    return cell_name(code)


__getattr__ = rest_of(__name__)
