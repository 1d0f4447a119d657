"""Row 17: a context variable that one cell sets is there in the next."""

from __future__ import annotations

from ..kernel import Kernel, Subject
from ..probe import Missed, Outcome, passed, probe


def _enter(first: bool, second: bool) -> None:
    name = f"{'await' if first else 'plain'}-{'await' if second else 'plain'}"

    @probe(
        17,
        f"context-{name}",
        f"set in a cell {'with' if first else 'without'} await, read in one {'with' if second else 'without'}",
    )
    def _(subject: Subject) -> Outcome:
        pause = f"import {subject.backend}\nawait {subject.backend}.sleep(0.01)\n"
        with Kernel(subject) as kernel:
            kernel.need(
                "from contextvars import ContextVar\nvariable = ContextVar('variable', default='lost')\n"
                + (pause if first else "")
                + "variable.set('kept')"
            )
            for turn in range(2):
                cell = kernel.need((pause if second else "") + "print(variable.get())")
                if cell.text != "kept\n":
                    raise Missed(f"read {turn + 1} gave {cell.text!r}")
        return passed()


for _first in (False, True):
    for _second in (False, True):
        _enter(_first, _second)


@probe(17, "context-token", "a token of one cell resets the variable in another")
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        kernel.need("from contextvars import ContextVar\nvariable = ContextVar('variable', default='old')")
        kernel.need("token = variable.set('new')")
        cell = kernel.need("variable.reset(token)\nprint(variable.get())")
        if cell.text != "old\n":
            raise Missed(f"gave {cell.text!r}")
    return passed()


@probe(17, "context-decimal", "decimal.localcontext entered over cells, and asyncio tasks see the variables")
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        kernel.need("import decimal\ndecimal.getcontext().prec = 5")
        cell = kernel.need("print(decimal.Decimal(1) / 3)")
        if cell.text != "0.33333\n":
            raise Missed(f"gave {cell.text!r}")
    return passed()
