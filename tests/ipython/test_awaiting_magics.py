"""Magics over code that awaits, on every backend: the same options and outputs as IPython's over code that does not."""

from __future__ import annotations

import pstats
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from async_kernel.kernel.request import current_request

from .harness import Ran, Shell, new_request, run_on

SETUP = "import anyio\nasync def give(value):\n    await anyio.sleep(0.001)\n    return value\n"

TIMES = re.compile(r"(CPU times: user [\d.]+ \S+, sys: [\d.]+ \S+, total: [\d.]+ \S+\n)?Wall time: [\d.]+ \S+\n$")

Cells = Callable[..., Ran]


@pytest.fixture
def cells(shell: Shell, backend: str) -> Cells:
    """Run cells on the backend, after `SETUP`; the last one's outcome. The others have to succeed."""

    def run(*codes: str) -> Ran:
        async def main() -> Ran:
            for code in (SETUP, *codes[:-1]):
                ran = await shell.run(code)
                assert ran.reply["status"] == "ok", ran.reply
            return await shell.run(codes[-1])

        ran: Ran = run_on(backend, main)
        return ran

    return run


def test_time_of_a_cell_prints_times_behind_its_output_and_gives_its_value(cells: Cells) -> None:
    ran = cells("%%time\nprint('one')\nkept = await give(42)\nawait give(kept + 1)")
    assert ran.text().startswith("one\n")
    assert TIMES.search(ran.text())
    assert ran.result == "43"
    assert cells("kept").result == "42"


def test_time_of_a_line_gives_its_value_also_to_a_name(cells: Cells) -> None:
    assert cells("%time await give(1)").result == "1"
    ran = cells("got = %time await give(2)", "got")
    assert ran.result == "2"


def test_a_semicolon_silences_time(cells: Cells) -> None:
    ran = cells("%%time\nawait give(1);")
    assert ran.contents("execute_result") == []
    assert TIMES.search(ran.text())


def test_time_of_code_that_fails_prints_times_and_the_error(cells: Cells) -> None:
    ran = cells("%%time\nawait give(1)\n1 / 0")
    assert ran.reply["ename"] == "ZeroDivisionError"
    assert TIMES.search(ran.text())
    ran = cells("%%time --no-raise-error\nawait give(1)\n1 / 0")
    assert ran.reply["status"] == "ok"


def test_time_in_an_async_function_sees_its_names(cells: Cells) -> None:
    ran = cells("async def work(inner):\n    %time await give(inner)\n    %time await give(1)", "await work(5)")
    assert ran.reply["status"] == "ok"
    assert ran.text().count("Wall time") == 2


def test_a_statement_behind_the_name_of_the_cell_magic_is_refused_as_by_ipython(cells: Cells) -> None:
    ran = cells("%%time 1\nawait give(1)")
    assert ran.reply["ename"] == "UsageError"


def test_timeit_of_a_line_and_a_cell(cells: Cells) -> None:
    slow = r"(?:The slowest run took .*\n)?"  # said on a machine that is busy with something else
    pattern = slow + r"[\d.]+ \S+ (±|\+-) [\d.]+ \S+ per loop \(mean \1 std\. dev\. of 3 runs, 2 loops each\)\n"
    assert re.fullmatch(pattern, cells("%timeit -n2 -r3 await give(1)").text())
    ran = cells("%%timeit -n2 -r2 given = await give(7)\ncounted = await give(given)\n[0].append(counted)")
    assert "2 runs, 2 loops each" in ran.text()
    assert cells("'given' in globals() or 'counted' in globals()").result == "False"


def test_timeit_finds_a_number_of_loops_and_gives_its_result(
    cells: Cells, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = shell.interpreter.shell.user_ns
    monkeypatch.setattr("timeit.default_timer", lambda: names["steps"] / 100)  # a step takes 10 ms on any machine
    ran = cells(
        "steps = 0\nasync def step():\n    global steps\n    steps += 1\n    await give(1)",
        "found = %timeit -o -q -r1 await step()",
        "found.loops, found.repeat, len(found.all_runs)",
    )
    assert ran.result == "(100, 1, 1)"
    assert ran.text() == ""
    assert cells("%timeit -n1 -r1 -q -v saved await give(1)", "saved.loops").result == "1"


def test_prun_shows_the_steps_of_the_code_and_not_the_loop(cells: Cells) -> None:
    ran = cells("def named():\n    return 1", "%%prun\nfor _ in range(3): named(); await give(1)\nprint('profiled')")
    (page,) = ran.reply["payload"]
    text = page["data"]["text/plain"]
    assert "function calls" in text
    assert re.search(r"^ +3 .*\(named\)$", text, re.M)
    assert not re.search(r"run_forever|_run_once|unrolled_run|\{method 'poll'|get_events", text)
    assert ran.text() == "profiled\n "


def test_prun_writes_files_and_gives_its_statistics(cells: Cells, tmp_path: Path) -> None:
    dump, text = tmp_path / "dump", tmp_path / "text"
    ran = cells(f"stats = %prun -r -q -s cumulative -D {dump} -T {text} await give(1)", "type(stats).__name__")
    assert ran.result == "'Stats'"
    assert "give" in text.read_text()
    stats: Any = pstats.Stats(str(dump))  # typeshed knows few of its attributes
    assert stats.total_calls > 0


def test_capture_keeps_output_displays_and_results(cells: Cells) -> None:
    ran = cells(
        "%%capture caught\nimport sys\nprint('out')\nawait give(1)\nprint('err', file=sys.stderr)\n"
        "display('shown')\nkept = await give(3)\nkept"
    )
    assert ran.types == ["execute_input"]
    assert cells("caught.stdout, caught.stderr, kept").result == "('out\\n', 'err\\n', 3)"
    assert cells("[each.data['text/plain'] for each in caught.outputs]").result == "[\"'shown'\", '3']"
    shown = cells("caught.show()")
    assert shown.types == ["execute_input", "stream", "stream", "display_data", "display_data"]


def test_capture_keeps_what_it_is_told_to(cells: Cells) -> None:
    ran = cells("%%capture --no-stdout --no-display caught\nprint('out')\nawait give(1)")
    assert ran.text() == "out\n"
    assert ran.result == "1"
    assert cells("%%capture caught\nawait give(1);", "'caught' in globals()").result == "False"


def test_capture_names_are_expanded(cells: Cells) -> None:
    assert cells("where = 'there'", "%%capture {where}\nprint(await give(1))", "there.stdout").result == "'1\\n'"


def test_capture_shows_an_error(cells: Cells) -> None:
    ran = cells("%%capture caught\nprint('out')\nawait give(1)\n1 / 0")
    assert [content["ename"] for content in ran.contents("error")] == ["ZeroDivisionError"]
    assert ran.text() == ""


def test_capture_leaves_others_alone(shell: Shell, backend: str) -> None:
    async def main() -> tuple[Ran, Ran]:
        import anyio

        await shell.run(SETUP + "began, go = anyio.Event(), anyio.Event()")
        first: list[Ran] = []

        async def capture() -> None:
            first.append(await shell.run("%%capture caught\nprint('one')\nbegan.set()\nawait go.wait()\nprint('two')"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(capture)
            second = await shell.run("await began.wait()\nprint('other')\ngo.set()")
        return first[0], second

    first, second = run_on(backend, main)
    assert first.text() == ""
    assert second.text() == "other\n"


def test_an_interrupt_reaches_captured_and_timed_code(shell: Shell, backend: str) -> None:
    async def main() -> Ran:
        import anyio

        request, recorder = new_request()
        interrupted = anyio.Event()

        async def interrupt() -> None:
            await interrupted.wait()
            request.interrupted = True
            assert shell.portal is not None
            shell.portal.end_wait()

        shell.interpreter.shell.user_ns["interrupted"] = interrupted
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(interrupt)
            return await shell.run(
                "%%capture\n%%time\ninterrupted.set()\nawait anyio.sleep(60)", given=(request, recorder)
            )
        raise AssertionError("the group has swallowed an error")

    ran = run_on(backend, main)
    assert [content["ename"] for content in ran.contents("error")] == ["KeyboardInterrupt"]


def test_magics_in_magics(cells: Cells) -> None:
    ran = cells("%%capture caught\n%%time\nprint(await give(1))")
    assert ran.text() == ""
    assert TIMES.search(cells("print(caught.stdout)").text().rstrip("\n") + "\n")
    assert "Wall time" in cells("if True:\n    %time await give(1)").text()


def test_without_await_they_are_ipythons(cells: Cells, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    magics: Any = shell.interpreter.shell.awaiting_magics
    for name in ("_time", "_timeit", "prun", "_capture"):
        monkeypatch.setattr(magics, name, None)
    for code in ("%%time\n1", "%time 1", "%timeit -n1 -r1 1", "%%prun -q\n1", "%%capture\n1"):
        assert cells(code).reply["status"] == "ok"
    assert cells("%%time\nasync def not_awaited(): await give(1)").reply["status"] == "ok"


def test_wrong_code_is_told_as_by_ipython(cells: Cells) -> None:
    # CPython 3.13 has a class of its own for it, which IPython lets through.
    assert cells("%%time\nawait give(").reply["ename"] == cells("give(").reply["ename"]
    assert cells("def plain():\n    %time await give(1)", "plain()").reply["ename"] == "SyntaxError"


def test_a_magic_of_the_same_name_by_somebody_else_is_left_alone(cells: Cells, shell: Shell) -> None:
    manager = shell.interpreter.shell.magics_manager
    own = manager.magics["line"]["time"]
    cells("from IPython.core.magic import register_line_magic\n@register_line_magic\ndef time(line): return 'mine'")
    try:
        assert cells("%time await give(1)").result == "'mine'"
    finally:
        manager.magics["line"]["time"] = own


def test_nothing_is_captured_outside_a_request() -> None:
    from async_kernel.ipython.capture import capturing

    assert current_request() is None
    with pytest.raises(RuntimeError, match="no request"), capturing(True, True, True):
        pass


def test_it_does_not_rest_on_the_list_of_ast_transformers(cells: Cells, shell: Shell) -> None:
    transformers = shell.interpreter.shell.ast_transformers
    kept = [*transformers]
    try:
        ran = cells("get_ipython().ast_transformers.clear()", "%time await give(3)")
        assert ran.reply["status"] == "ok", ran.reply
    finally:
        transformers[:] = kept
