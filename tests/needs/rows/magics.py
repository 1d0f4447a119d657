"""Row 29: magics that time, profile and capture take cells with await."""

from __future__ import annotations

from ..kernel import Cell, Kernel, Subject
from ..probe import Missed, Outcome, passed, probe


def _run(subject: Subject, code: str, after: str = "pass") -> tuple[Cell, Cell]:
    """Run a cell with `LIB` put in and one after it; both have to succeed."""
    with Kernel(subject) as kernel:
        kernel.need(f"import {subject.backend}")
        cell = kernel.run(code.replace("LIB", subject.backend))
        if not cell.ok or "SyntaxError" in cell.errors + cell.text:
            raise Missed(cell.error or (cell.errors + cell.text).strip()[-160:])
        return cell, kernel.need(after)


@probe(29, "magic-time-cell", "%%time over a cell with await; its names stay")
def _(subject: Subject) -> Outcome:
    cell, after = _run(subject, "%%time\nanswer = 42\nawait LIB.sleep(0.02)\nprint('slept')", "print(answer)")
    if "Wall time" not in cell.text or "slept\n" not in cell.text or after.text != "42\n":
        raise Missed(f"printed {cell.text!r}, then {after.text!r}")
    return passed()


@probe(29, "magic-time-cell-value", "%%time over a cell that ends in an awaited expression shows its value")
def _(subject: Subject) -> Outcome:
    cell, _ = _run(subject, "%%time\nasync def value():\n    await LIB.sleep(0.01)\n    return 43\nawait value()")
    if "Wall time" not in cell.text or cell.displayed != ["43"]:
        raise Missed(f"printed {cell.text!r}, gave {cell.displayed}")
    return passed()


@probe(29, "magic-time-line", "%time await ...")
def _(subject: Subject) -> Outcome:
    cell, _ = _run(subject, "%time await LIB.sleep(0.02)")
    if "Wall time" not in cell.text:
        raise Missed(f"printed {cell.text!r}")
    return passed()


@probe(29, "magic-timeit-line", "%timeit await ...")
def _(subject: Subject) -> Outcome:
    cell, _ = _run(subject, "%timeit -n2 -r2 await LIB.sleep(0.01)")
    if "per loop" not in cell.text:
        raise Missed(f"printed {cell.text!r}")
    return passed()


@probe(29, "magic-timeit-cell", "%%timeit over a cell with await")
def _(subject: Subject) -> Outcome:
    cell, _ = _run(subject, "%%timeit -n2 -r2\nawait LIB.sleep(0.01)\nawait LIB.sleep(0)")
    if "per loop" not in cell.text:
        raise Missed(f"printed {cell.text!r}")
    return passed()


@probe(29, "magic-prun", "%%prun over a cell with await")
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        kernel.need(f"import {subject.backend}")
        cell = kernel.run(f"%%prun -l 5\nprint('profiled')\nawait {subject.backend}.sleep(0.02)")
        pages = " ".join(str(payload.get("data", "")) for payload in cell.reply.content.get("payload", []))
        if not cell.ok or "SyntaxError" in cell.errors + cell.text:
            raise Missed(cell.error or (cell.errors + cell.text).strip()[-160:])
        if "function calls" not in pages + cell.text or "profiled" not in cell.text:
            raise Missed(f"no profile: printed {cell.text!r}")
    return passed()


@probe(29, "magic-capture", "%%capture over a cell with await")
def _(subject: Subject) -> Outcome:
    cell, after = _run(
        subject,
        "%%capture caught\nprint('one')\nawait LIB.sleep(0.02)\nprint('two')\nkept = 7",
        "print(repr(caught.stdout), kept)",
    )
    if cell.text or after.text != "'one\\ntwo\\n' 7\n":
        raise Missed(f"printed {cell.text!r}, then {after.text!r}")
    return passed()


@probe(29, "magic-plain", "the same magics without await")
def _(subject: Subject) -> Outcome:
    cell, after = _run(subject, "%%time\nanswer = 42", "%%capture caught\nprint(answer)")
    if "Wall time" not in cell.text or after.text:
        raise Missed(f"printed {cell.text!r}, then {after.text!r}")
    return passed()
