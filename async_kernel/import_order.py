"""Which file an import gives when the working folder holds one of the same name.

`python -m async_kernel` puts the working folder, which is the notebook's, first on `sys.path`. There a `random.py` of
the user's would be run by the kernel's own `import random`, or by the one of a library that it loads hours later. So
this module sorts imports by who asks:

- Code of the kernel, of the standard library and of installed packages gets the standard library and the kernel's
  dependencies from where they are installed, never from the working folder.
- Everything else is Python's own order. In particular a cell, and a module of the user's, gets the user's file.

It is imported before anything else of this package, while the working folder is in front: it may import nothing that
is not built in or loaded already (`os` always is), and neither may `async_kernel/__init__.py`.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec, PathFinder
    from types import FrameType, ModuleType
    from typing import TypeGuard

__all__ = ["DEPENDENCIES", "OPTIONAL", "ImportOrder", "keep_user_files_out", "passed_by", "working_folder"]

DEPENDENCIES = frozenset(
    """
    Cryptodome IPython Shiboken _cffi_backend anyio asttokens attr attrs cffi colorama comm dateutil debugpy decorator
    exceptiongroup executing idna ipython_pygments_lexers jedi jupyter jupyter_client jupyter_core matplotlib_inline
    outcome parso pexpect platformdirs prompt_toolkit psutil ptyprocess pure_eval pycparser pygments shiboken6 six
    sniffio sortedcontainers stack_data tornado traitlets trio typing_extensions tzdata uvloop wcwidth winloop zmq
    """.split()
)
"""The names that the kernel's dependencies install, and theirs, on any system, followed by `requires`."""

OPTIONAL = frozenset(
    """
    PyQt5 PyQt6 PySide2 PySide6 _pydevd_bundle_ext _typeshed argcomplete astroid chardet ctags django docrepr gevent
    java msgpack numpydoc org orjson pyperclip thread
    """.split()
)
"""Names that these and the kernel import only where they happen to be there."""


class ImportOrder:
    """In which folders an import looks, by who asks."""

    def __init__(self, path: "Sequence[str]", working_folder: str) -> None:
        """`path` are the entries of `sys.path` that are not the user's."""
        self._path = tuple(path)
        self._roots = (os.path.dirname(__file__), *self._path)
        self._working_folder = working_folder
        self._names = DEPENDENCIES | OPTIONAL | sys.stdlib_module_names

    def path_for(self, name: str, target: "ModuleType | None" = None) -> "list[str] | None":
        """Where the code that calls looks for the top-level module `name`; None for `sys.path`, as Python has it.

        `target` is the module that is read again, if it is one (`importlib.reload`).
        """
        if name not in self._names and not name.startswith("_sysconfigdata_"):
            return None
        if self.is_users(_file_of(target) if target is not None else _importer()):
            return None
        return [entry for entry in sys.path if entry in self._path]

    def passed_by(self, name: str, finder: "type[PathFinder]") -> "str | None":
        """See the function of this name."""
        loaded = sys.modules.get(name)
        if name not in self._names or loaded is None or self._working_folder not in sys.path:
            return None
        spec = finder.find_spec(name, [self._working_folder])
        file = None if spec is None or not spec.has_location else spec.origin
        return None if file == _file_of(loaded) else file

    def is_users(self, file: "str | None") -> bool:
        """Whether the code in `file` is the user's. The deepest folder decides: an environment may lie in a project."""
        if file is None:
            return True
        roots = [root for root in self._roots if file.startswith(root + os.sep)]
        if not roots:
            return True
        return file.startswith(self._working_folder + os.sep) and len(self._working_folder) > max(map(len, roots))


def keep_user_files_out() -> None:
    """From now on, have the kernel's imports pass the working folder by. Where that was done, nothing happens."""
    for position, finder in enumerate(sys.meta_path):
        if _is_path_finder(finder):
            if not hasattr(finder, "import_order"):
                folder = working_folder()
                own = [entry for entry in sys.path if entry and not _is_same(entry, folder)]
                sys.meta_path[position] = _in_order(finder, ImportOrder(own, folder))
            return


def passed_by(name: str) -> "str | None":
    """The file in the working folder that `import name` does not give, since another module of this name is loaded that
    the kernel uses too: "/home/ada/random.py". None where there is none."""
    for finder in sys.meta_path:
        if hasattr(finder, "import_order"):
            file: str | None = finder.import_order.passed_by(name, finder)
            return file
    return None


def _in_order(finder: "type[PathFinder]", order: ImportOrder) -> "type[PathFinder]":
    """A finder like this one, which looks where the order says. It takes its place and keeps its name, by which
    libraries look for it: a second finder before it could not say that a module is not there."""

    class Ordered(finder):  # type: ignore[misc, valid-type]  # whichever class it is
        import_order = order

        @classmethod
        def find_spec(
            cls, fullname: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
        ) -> "ModuleSpec | None":
            where = order.path_for(fullname, target) if path is None else path
            return finder.find_spec(fullname, where, target)

    Ordered.__name__ = Ordered.__qualname__ = finder.__name__
    return Ordered


def _is_path_finder(finder: object) -> "TypeGuard[type[PathFinder]]":
    """Whether it is `importlib.machinery.PathFinder`, or a class that somebody has derived from it and put there."""
    return isinstance(finder, type) and "PathFinder" in [each.__name__ for each in finder.__mro__]


def working_folder() -> str:
    """The working folder; "" where it was deleted: nothing can lie in it."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def _is_same(entry: str, folder: str) -> bool:
    try:
        return os.path.samefile(entry, folder)
    except OSError:  # a zip file that is not there, a folder that is gone
        return False


def _importer() -> "str | None":
    """The file of the code that imports: the nearest frame that is neither the import system's nor a finder's.

    None where there is none, for a cell for example. Where no Python code runs, a C library imports for itself.
    """
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        names = frame.f_globals
        package = str(names.get("__name__")).partition(".")[0]
        if package not in _IMPORT_SYSTEM and frame.f_code.co_name != "find_spec":
            file = names.get("__file__")
            return file if isinstance(file, str) else None
        frame = frame.f_back
    return os.__file__


_IMPORT_SYSTEM = frozenset(("importlib", "_frozen_importlib", "_frozen_importlib_external"))


def _file_of(module: "ModuleType") -> "str | None":
    file = getattr(module, "__file__", None)
    return file if isinstance(file, str) else None
