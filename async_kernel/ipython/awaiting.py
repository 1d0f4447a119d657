"""Magics over code that awaits: `%time`, `%timeit`, `%prun`, each with `%%`, and `%%capture`.

IPython's own run the code before they return, which code that awaits cannot. What awaits nothing stays with IPython.
Options and output are IPython's. Few cells need it, so it is imported with the first that does: see `awaited_calls`.
"""

from __future__ import annotations

import ast
import gc
import inspect
import itertools
import sys
import time
import timeit
from collections.abc import Awaitable, Callable, Coroutine
from types import CodeType
from typing import Any, NamedTuple

from IPython.core.displayhook import DisplayHook
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic_arguments import parse_argstring
from IPython.core.magics.execution import ExecutionMagics, TimeitResult, _format_time
from IPython.utils.capture import CapturedIO
from IPython.utils.timing import clock, clock2

from async_kernel.ipython.capture import capturing
from async_kernel.stacks import callers, runs_user_code
from async_kernel.stacks.snapshot import variables

__all__ = ["AwaitingMagics"]

WORTH_TELLING = 0.1
"""Seconds from which on IPython tells how long parsing and compiling took."""

DEFAULT_RUNS = 7
"""Of %timeit; it has always been more than the standard library's."""

_Scope = dict[str, Any]


class _Timing(NamedTuple):
    wall: float
    cpu: tuple[float, float]

    @classmethod
    def now(cls) -> _Timing:
        return cls(time.time(), clock2())


class AwaitingMagics:
    """The magics, as methods that return awaitables: the name, then the line and the cell (None: `%name`)."""

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell

    def awaits(self, name: str, line: str, cell: str | None) -> bool:
        """Whether a call of the magic `name`, which is one of these, has code that awaits."""
        magic = self._shell.find_cell_magic(name) if cell is not None else self._shell.find_line_magic(name)
        owner = getattr(magic, "__self__", None)
        if type(owner) is not ExecutionMagics:
            return False  # not IPython's: somebody has put another in its place
        try:
            pieces = getattr(self, f"_code_of_{name}")(line, cell)
            return any(self._compile(self._parse(piece), "").co_flags & inspect.CO_COROUTINE for piece in pieces)
        except Exception:  # IPython's own magic reports the error
            return False

    # Code

    def _parse(self, code: str) -> ast.Module:
        tree = self._shell.compile.ast_parse(self._shell.transform_cell(code))
        transformed: ast.Module = self._shell.transform_ast(tree)
        return transformed

    def _compile(self, tree: ast.Module | ast.Expression, source: str) -> CodeType:
        mode = "eval" if isinstance(tree, ast.Expression) else "exec"
        flags = self._shell.compile.flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        code: CodeType = compile(tree, source, mode, flags, dont_inherit=True)
        return code

    @staticmethod
    @runs_user_code
    async def run_code(code: CodeType, names: _Scope, local: _Scope) -> Any:
        """Run code that may await; its value when it is an expression."""
        value = eval(code, names, local)  # noqa: S307  # a cell is code to run
        return await value if code.co_flags & inspect.CO_COROUTINE else value

    @staticmethod
    @runs_user_code
    async def run_timed(inner: Callable[..., Awaitable[float]], number: int, timer: Callable[[], float]) -> float:
        """The result of `inner`, with the garbage collector at rest as in IPython's."""
        collects = gc.isenabled()
        gc.disable()
        try:
            return await inner(itertools.repeat(None, number), timer)
        finally:
            if collects:
                gc.enable()

    def _scope(self, cell: str | None) -> _Scope:
        """The local names of the code that called the magic; those of the user for a cell magic, as IPython has it."""
        caller = callers().outside() if cell is None else None
        return self._shell.user_ns if caller is None else variables(caller)

    # %time

    def _time_arguments(self, line: str) -> tuple[bool, str]:
        arguments, rest = parse_argstring(ExecutionMagics.time, line, partial=True)
        return bool(arguments.no_raise_error), " ".join(rest)

    def _code_of_time(self, line: str, cell: str | None) -> list[str]:
        return [cell or self._time_arguments(line)[1]]

    def time(self, line: str, cell: str | None = None) -> Coroutine[Any, Any, Any]:
        """%time and %%time."""
        return self._time(line, cell, self._scope(cell))

    async def _time(self, line: str, cell: str | None, local: _Scope) -> Any:
        quiet, statement = self._time_arguments(line)
        if statement and cell:
            raise UsageError("Can't use statement directly after '%%time'!")
        began = clock()
        tree = self._parse(cell or statement)
        parsing = clock() - began
        began = clock()
        pieces = [self._compile(piece, source) for piece, source in _timed_pieces(tree)]
        compiling = clock() - began
        value: Any = None
        start = _Timing.now()
        try:
            for piece in pieces:
                value = await self.run_code(piece, self._shell.user_ns, local)
        except BaseException as error:
            _tell_times(start, compiling, parsing)
            if quiet and isinstance(error, Exception):
                return None
            raise
        _tell_times(start, compiling, parsing)
        return None if DisplayHook.semicolon_at_end_of_expression(cell or line) else value

    # %timeit

    def _timeit_arguments(self, line: str) -> tuple[Any, str]:
        options, statement = self._shell.magics_manager.registry["ExecutionMagics"].parse_options(
            line, "n:r:tcp:qov:", posix=False, strict=False, preserve_non_opts=True
        )
        return options, statement

    def _code_of_timeit(self, line: str, cell: str | None) -> list[str]:
        statement = self._timeit_arguments(line)[1]
        return [statement] if cell is None else [statement, cell]

    def timeit(self, line: str, cell: str | None = None) -> Coroutine[Any, Any, TimeitResult | None]:
        """%timeit and %%timeit, whose line is the setup."""
        return self._timeit(line, cell, self._scope(cell))

    async def _timeit(self, line: str, cell: str | None, local: _Scope) -> TimeitResult | None:
        options, statement = self._timeit_arguments(line)
        setup, body = ("pass", statement) if cell is None else (statement or "pass", cell)
        function = _timing_function(self._parse(setup), self._parse(body))
        began = clock()
        code = compile(function, "<magic-timeit>", "exec", self._shell.compile.flags, dont_inherit=True)
        compiling = clock() - began
        names, made = self._shell.user_ns, dict[str, Any]()
        if local is not names:  # a line in a function: its names are globals of the timed code
            names = {**names, **local}
        exec(code, names, made)  # noqa: S102  # a cell is code to run
        timer = time.time if "t" in options else clock if "c" in options else timeit.default_timer
        number, runs = int(options.get("n", 0)), int(options.get("r", DEFAULT_RUNS))

        def once(number: int) -> Awaitable[float]:
            return self.run_timed(made["inner"], number, timer)

        if number == 0:
            for exponent in range(10):
                number = 10**exponent
                if await once(number) >= 0.2:
                    break
        taken = [await once(number) for _ in range(runs)]
        best, worst = min(taken) / number, max(taken) / number
        result = TimeitResult(number, runs, best, worst, taken, compiling, int(options.get("p", 3)))
        if "q" not in options:
            _tell_timeit(result)
        if "v" in options:
            self._shell.user_ns[options["v"]] = result
        return result if "o" in options else None

    # %prun

    def _prun_arguments(self, line: str, cell: str | None) -> tuple[Any, str]:
        options, statement = self._shell.magics_manager.registry["ExecutionMagics"].parse_options(
            line, "D:l:rs:T:q", list_all=True, posix=False
        )
        return options, statement if cell is None else f"{statement}\n{cell}"

    def _code_of_prun(self, line: str, cell: str | None) -> list[str]:
        return [self._prun_arguments(line, cell)[1]]

    async def prun(self, line: str, cell: str | None = None) -> Any:
        """%prun and %%prun: code of other tasks meanwhile is not in the profile."""
        from async_kernel.ipython.prun import Profiled, show_profile

        options, statement = self._prun_arguments(line, cell)
        names = self._shell.user_ns
        code = self._compile(self._parse(statement), "<string>")
        profiled = Profiled(self.run_code(code, names, names))
        ended = ""
        try:
            await profiled
        except SystemExit:
            ended = "*** SystemExit exception caught in code being profiled."
        return show_profile(profiled.profile, options, ended)

    # %%capture

    def _code_of_capture(self, line: str, cell: str | None) -> list[str]:
        return [cell or ""]

    def capture(self, line: str, cell: str) -> Coroutine[Any, Any, None]:
        """%%capture: the output of the cell's own tasks and threads; other cells go on writing where they did."""
        return self._capture(self._shell.var_expand(line, 1), cell)

    async def _capture(self, line: str, cell: str) -> None:
        arguments = parse_argstring(ExecutionMagics.capture, line)
        with capturing(not arguments.no_stdout, not arguments.no_stderr, not arguments.no_display) as captured:
            await self._run_cell(cell)
        if DisplayHook.semicolon_at_end_of_expression(cell):
            self._shell.user_ns.pop(arguments.output, None)
        elif arguments.output:
            self._shell.user_ns[arguments.output] = CapturedIO(*captured)

    async def _run_cell(self, cell: str) -> None:
        """As `shell.run_cell(cell)`, awaited."""
        shell = self._shell
        result = await shell.run_cell_async(cell, store_history=False, transformed_cell=shell.transform_cell(cell))
        shell.events.trigger("post_execute")
        shell.events.trigger("post_run_cell", result)


def _timed_pieces(tree: ast.Module) -> list[tuple[ast.Module | ast.Expression, str]]:
    """The code of %time: statements, and the expression that its value is of."""
    *statements, last = tree.body
    if not isinstance(last, ast.Expr):
        return [(tree, "<timed exec>")]
    value = ast.Expression(last.value)
    return (
        [(ast.Module(statements, []), "<timed exec>"), (value, "<timed exec>")]
        if statements
        else [(value, "<timed eval>")]
    )


def _tell_times(start: _Timing, compiling: float, parsing: float) -> None:
    end = _Timing.now()
    user, system = end.cpu[0] - start.cpu[0], end.cpu[1] - start.cpu[1]
    total = _format_time(user + system)
    if sys.platform == "win32":  # where the system's share is always 0
        print(f"CPU times: total: {total}")
    else:
        print(f"CPU times: user {_format_time(user)}, sys: {_format_time(system)}, total: {total}")
    print(f"Wall time: {_format_time(end.wall - start.wall)}")
    if compiling > WORTH_TELLING:
        print(f"Compiler : {_format_time(compiling)}")
    if parsing > WORTH_TELLING:
        print(f"Parser   : {_format_time(parsing)}")


def _timing_function(setup: ast.Module, body: ast.Module) -> ast.Module:
    """`async def inner(_it, _timer)`: does the setup, runs the body for each of `_it`, returns how long that took."""
    module = ast.parse(
        "async def inner(_it, _timer):\n _start = _timer()\n for _ in _it: pass\n return _timer() - _start"
    )
    function: Any = module.body[0]
    function.body[1].body = body.body
    function.body[:0] = setup.body
    return ast.fix_missing_locations(module)


def _tell_timeit(result: TimeitResult) -> None:
    if result.worst > 4 * result.best > 0 and result.worst > 1e-6:
        print(
            f"The slowest run took {result.worst / result.best:.2f} times longer than the fastest. "
            "This could mean that an intermediate result is being cached."
        )
    print(result)
    if result.compile_time > WORTH_TELLING:
        print(f"Compiler time: {result.compile_time:.2f} s")
