"""The file names of cells, as tracebacks, debuggers and `inspect` see them."""

from __future__ import annotations

import hashlib
import os
import tempfile

from IPython.core.compilerop import CachingCompiler

__all__ = ["KernelCompiler"]


class KernelCompiler(CachingCompiler):  # type: ignore[misc]
    """Names a cell's code like a file of the kernel's, by its text: `/tmp/async_kernel_4711/1f0e….py`.

    No such file is written. A name in angle brackets would keep libraries that look up source by file name, among them
    the one that draws IPython's tracebacks, from reading the cell as a whole.
    """

    def get_code_name(self, raw_code: str, transformed_code: str, number: int) -> str:
        """The name for the code of one cell."""
        digest = hashlib.blake2b(raw_code.encode("utf-8", "replace"), digest_size=8).hexdigest()
        return os.path.join(tempfile.gettempdir(), f"async_kernel_{os.getpid()}", f"{digest}.py")  # noqa: PTH118
