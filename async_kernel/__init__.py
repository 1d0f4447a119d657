"""A Python kernel for Jupyter on asyncio, uvloop or trio.

Importing the package costs nothing: every public name is looked up when it is first used (PEP 562).
"""

from ._version import __version__

__all__ = ["__version__"]
