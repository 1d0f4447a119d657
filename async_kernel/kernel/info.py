"""What a kernel says of itself."""

from __future__ import annotations

import sys

from async_kernel._version import __version__
from async_kernel.protocol.messages import Content
from async_kernel.protocol.names import PROTOCOL_VERSION

__all__ = ["kernel_info"]


def kernel_info(debugger: bool = False) -> Content:
    """The content of the kernel_info_reply (messaging spec, "Kernel info")."""
    version = sys.version_info
    return {
        "status": "ok",
        "protocol_version": PROTOCOL_VERSION,
        "implementation": "async_kernel",
        "implementation_version": __version__,
        "language_info": {
            "name": "python",
            "version": sys.version.partition(" ")[0],
            "mimetype": "text/x-python",
            "file_extension": ".py",
            "pygments_lexer": f"ipython{version.major}",
            "codemirror_mode": {"name": "ipython", "version": version.major},
            "nbconvert_exporter": "python",
        },
        "banner": f"Python {sys.version}\nasync-kernel {__version__}, an interactive Python by IPython\n",
        "help_links": [
            {"text": "Python Reference", "url": f"https://docs.python.org/{version.major}.{version.minor}"},
            {"text": "IPython Reference", "url": "https://ipython.readthedocs.io/en/stable/"},
            {"text": "Trio Reference", "url": "https://trio.readthedocs.io/en/stable/"},
        ],
        "debugger": debugger,
        "supported_features": ["kernel subshells", *(["debugger"] if debugger else [])],
    }
