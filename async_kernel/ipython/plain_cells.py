"""Cells that IPython's input transformation leaves unchanged, recognised by a look at their text.

IPython tokenizes each cell as Python code, in Python, to transform it: a tenth of the time of a small cell. Most cells
contain nothing that any of its transformers would find. A cell that counts as plain here is unchanged for certain; all
others are left to IPython.
"""

from __future__ import annotations

import re
from typing import Any

from IPython.core.autocall import IPyAutocall
from IPython.core.inputtransformer2 import TransformerManager
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.macro import Macro
from IPython.core.prefilter import PrefilterManager

__all__ = ["PlainCells"]

_TOP = re.compile(r"\s|#[ \t]*(?:task|thread)")  # an empty line, or an indent of the whole cell; a directive
_LINE = re.compile(
    r"""\n(?:
      [^\S\n]*(?:[%!?,;/]|>>>|\.\.\.)  # an escaped line; other prompts
    | [^\S\n]+$                       # white space, which is removed with a common indent
    | \ *\t                           # an indent whose width is a matter of opinion
    )""",
    re.VERBOSE | re.MULTILINE,
)
_ODD = re.compile(r"[\0\r\v\f\x1c-\x1e\x85\u2028\u2029]")  # characters that end a line for `splitlines` alone
_ASSIGNED = re.compile(r"=[^\S\n]*[%!]")  # from a magic or a command
_HELP = re.compile(r"\?[^\S\n]*\\?$", re.MULTILINE)
_PROMPT = "In ["


def _may_be_found(code: str) -> bool:
    """Whether there is anything that a transformer of IPython's or ours may find, in strings and comments too, where it
    means nothing. Each pattern begins with one character or a set of them, so that `re` looks for nothing else on its
    way: all as alternatives of one take ten times as long."""
    return bool(
        _TOP.match(code)
        or _LINE.search(f"\n{code}")
        or _ODD.search(code)
        or _ASSIGNED.search(code)
        or _HELP.search(code)
        or _PROMPT in code
    )


_INDENT = re.compile(r"^ *(?=[^ \n])", re.MULTILINE)
_WORD = re.compile(r"[\w.*]*")


class PlainCells:
    """The cells that `shell.transform_cell` would leave unchanged.

    It has to be made when the shell has its transformers. Once a user adds another one, no cell is plain any more.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self._functions = TransformerManager.transform_cell, PrefilterManager.prefilter_lines
        shell.observe(self._look_up, ["input_transformer_manager", "prefilter_manager", "input_transformers_post"])
        shell.observe(self._look_up, ["magics_manager", "autocall"])
        self._look_up()
        self._known = self._transformers()

    def _look_up(self, change: object = None) -> None:
        """Read the traits, now and when one is replaced: to read one takes two calls."""
        self._traits = _Traits(self._shell)
        self._shell.magics_manager.observe(self._look_up, ["magics", "lazy_magics"])

    def __contains__(self, code: str) -> bool:
        """Whether a cell is plain."""
        if not code or _may_be_found(code) or self._transformers() != self._known:
            return False
        if code.find("\n", 0, -1) < 0:
            return self._is_plain_line(code)
        return _is_indented_well(code)

    def _transformers(self) -> tuple[Any, ...]:
        static, dynamic, post = self._traits.static, self._traits.dynamic, self._traits.post
        return (
            (type(static).transform_cell, type(dynamic).prefilter_lines) == self._functions,
            "transform_cell" in vars(static),
            "prefilter_lines" in vars(dynamic),
            [*static.cleanup_transforms],
            [*static.line_transforms],
            [*static.token_transformers],
            [*post],
            [*dynamic.transformers],
            [*dynamic.checkers],
            [*dynamic.handlers.values()],
        )

    def _is_plain_line(self, line: str) -> bool:
        """Whether the only line of a cell calls nothing by its first word: no magic, no macro, no `exit`."""
        shell = self._shell
        match = _WORD.match(line)
        word = "" if match is None else match[0]
        if self._traits.autocall or isinstance(shell.user_ns.get(word), (Macro, IPyAutocall)):
            return False
        if word in self._traits.magics["line"] or word in self._traits.lazy_magics:
            return False
        shell._last_input_line = line.rstrip("\n")  # as IPython notes it
        return True


class _Traits:
    """What the traits of a shell hold."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.static = shell.input_transformer_manager
        self.dynamic = shell.prefilter_manager
        self.post = shell.input_transformers_post
        self.autocall = shell.autocall
        self.magics = shell.magics_manager.magics
        self.lazy_magics = shell.magics_manager.lazy_magics


def _is_indented_well(code: str) -> bool:
    """Whether each line returns to the depth of a line that contains it. IPython tells the error of other code."""
    depths = [0]
    for indent in _INDENT.findall(code):
        depth = len(indent)
        if depth > depths[-1]:
            depths.append(depth)
            continue
        while depth < depths[-1]:
            depths.pop()
        if depth != depths[-1]:
            return False
    return True
