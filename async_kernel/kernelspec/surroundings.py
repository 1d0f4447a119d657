"""The facts of platform, user and interpreter that the resolver of locations needs: one value."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from async_kernel.import_order import working_folder

__all__ = ["Surroundings"]


class Surroundings(NamedTuple):
    """The facts of machine, user and interpreter that the resolver needs."""

    platform: str
    """As `sys.platform`: "linux", "darwin", "win32"."""
    environ: Mapping[str, str]
    home: str
    cwd: str
    prefix: str
    """`sys.prefix`."""
    base_prefix: str
    """`sys.base_prefix`: other than `prefix` in a virtual environment."""
    executable: str
    """`sys.executable`."""
    data: str
    """Where an installer puts the data files of a package: `sysconfig.get_path("data")`."""
    user_base: str = ""
    """`site.USER_BASE` where user site-packages are enabled, else empty."""
    owns_prefix: bool = True
    """Whether the prefix belongs to the user: Jupyter prefers such an environment's specs to the user's."""
    externally_managed: bool = False
    """Whether the interpreter's package manager asks to be left alone (PEP 668)."""

    @classmethod
    def here(cls) -> Surroundings:
        """The surroundings of the running interpreter."""
        import sysconfig

        home = os.environ.get("HOME") if sys.platform != "win32" else os.environ.get("USERPROFILE")
        stdlib = Path(sysconfig.get_path("stdlib"))
        return cls(
            platform=sys.platform,
            environ=os.environ,
            home=str(Path(home or Path.home()).resolve()),
            cwd=working_folder() or os.sep,  # where it was deleted no path can begin at it
            prefix=sys.prefix,
            base_prefix=sys.base_prefix,
            executable=sys.executable,
            data=sysconfig.get_path("data"),
            user_base=_user_base(),
            owns_prefix=_owns(Path(sys.prefix)),
            externally_managed=sys.prefix == sys.base_prefix and (stdlib / "EXTERNALLY-MANAGED").exists(),
        )


def _user_base() -> str:
    import site  # already there, unless the interpreter was started with -S

    return site.getuserbase() if site.ENABLE_USER_SITE else ""


def _owns(folder: Path) -> bool:
    """Whether the folder, or the nearest one above it that exists, belongs to the user (as jupyter_core decides it)."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if sys.platform == "win32":
        return os.access(folder, os.W_OK)
    try:
        return folder.owner() == os.getlogin()
    except (OSError, KeyError):  # no terminal, or no such user
        return folder.stat().st_uid == os.geteuid()
