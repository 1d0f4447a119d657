"""What is measured: the figures of each measure, their titles and units.

One table, read by the command line (names for `--only`), by the measuring program and by the report.
It knows neither sockets nor kernels, and imports nothing outside the standard library.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["COUNTED", "FIGURES", "MEASURE_NAMES", "Figure", "select"]


class Figure(NamedTuple):
    """One number that is reported for each kernel.

    `measure` names the measure that yields it, for example "start"; `unit` is printed in the table; `digits` are the
    decimals shown; `better` is "lower", "higher" or "" where neither holds. `target` is ours: a kernel and the factor
    to its figure, or "" and the figure itself.
    """

    name: str
    measure: str
    title: str
    unit: str
    digits: int
    better: str = "lower"
    target: tuple[str, float] | None = None


FIGURES: Final[tuple[Figure, ...]] = (
    Figure("start_info", "start", "cold start to kernel_info_reply", "ms", 1, target=("xeus-python", 0.45)),
    Figure("start_info_execute", "start", "... then to execute_reply", "ms", 1),
    Figure("start_execute", "first_execute", "cold start to execute_reply", "ms", 1, target=("xeus-python", 1.25)),
    Figure("shutdown", "start", "shutdown_request to exit", "ms", 1, target=("", 25)),
    Figure("roundtrip_reply", "roundtrip", "execute to reply, median", "ms", 3, target=("xeus-python", 0.9)),
    Figure("roundtrip_reply_p99", "roundtrip", "execute to reply, p99", "ms", 3),
    Figure("roundtrip_idle", "roundtrip", "execute to idle, median", "ms", 3),
    Figure("roundtrip_idle_p99", "roundtrip", "execute to idle, p99", "ms", 3),
    Figure("history_reply", "roundtrip_history", "stored execute to reply, median", "ms", 3),
    Figure("history_reply_p99", "roundtrip_history", "stored execute to reply, p99", "ms", 3),
    Figure("history_idle", "roundtrip_history", "stored execute to idle, median", "ms", 3),
    Figure("history_idle_p99", "roundtrip_history", "stored execute to idle, p99", "ms", 3),
    Figure("cell_reply", "roundtrip_cell", "cell of 20 lines to reply, median", "ms", 3, target=("xeus-python", 0.9)),
    Figure("cell_reply_p99", "roundtrip_cell", "cell of 20 lines to reply, p99", "ms", 3),
    Figure("cell_idle", "roundtrip_cell", "cell of 20 lines to idle, median", "ms", 3),
    Figure("cell_idle_p99", "roundtrip_cell", "cell of 20 lines to idle, p99", "ms", 3),
    Figure("pipeline_replies", "pipeline", "200 executes at once, all replies", "ms", 1, target=("xeus-python", 1.1)),
    Figure("pipeline_idles", "pipeline", "200 executes at once, all idle", "ms", 1),
    Figure("control_info", "control", "kernel_info on control, median", "ms", 3, target=("xeus-python", 1.1)),
    Figure("completion_first", "completion", "first completion", "ms", 0, target=("", 150)),
    Figure("completion", "completion", "completion, median", "ms", 1, target=("", 5)),
    Figure("prints_rate", "prints", "prints: lines received", "/s", 0, "higher", ("ipykernel", 5)),
    Figure("prints_first", "prints", "prints: first line", "ms", 1),
    Figure("prints_messages", "prints", "prints: stream messages", "", 0),
    Figure("prints_sent", "prints", "prints: lines printed", "", 0, ""),
    Figure("prints_lost", "prints", "prints: lines lost", "", 0, target=("", 0)),
    Figure("prints_idle", "prints", "prints: idle seen (1 = always)", "", 2, "higher"),
    Figure("logging_rate", "logging", "logging: lines received", "/s", 0, "higher"),
    Figure("logging_first", "logging", "logging: first line", "ms", 1),
    Figure("logging_messages", "logging", "logging: stream messages", "", 0),
    Figure("logging_sent", "logging", "logging: lines logged", "", 0, ""),
    Figure("logging_lost", "logging", "logging: lines lost", "", 0),
    Figure("logging_idle", "logging", "logging: idle seen (1 = always)", "", 2, "higher"),
    Figure("bulk_rate", "bulk", "50 times 1 MB to stdout", "MB/s", 0, "higher", ("", 450)),
    Figure("display_rate", "bulk", "display_data", "/s", 0, "higher", ("xeus-python", 1.2)),
    Figure("comm", "comm", "comm echo, median", "ms", 3, target=("pypi-async-kernel", 0.9)),
    Figure("comm_rate", "comm", "comm echo of 10 MB", "GB/s", 2, "higher", ("", 2.9)),
    Figure("interrupt_loop", "interrupts", "interrupt of a loop, to the reply", "ms", 1, target=("", 10)),
    Figure("interrupt_sleep", "interrupts", "... of time.sleep", "ms", 1, target=("", 10)),
    Figure("interrupt_await", "interrupts", "... of an await", "ms", 1, target=("", 10)),
    Figure("blocked_completion", "blocked", "completion while a cell blocks", "ms", 1, target=("", 15)),
    Figure("blocked_comm", "blocked", "comm echo while a cell blocks", "ms", 1, target=("", 15)),
    Figure("memory", "idle", "memory (RSS) after the first cell", "MB", 1),
    Figure("own_memory", "idle", "memory of its own (USS) after the first cell", "MB", 1, target=("", 25)),
    Figure("threads", "idle", "threads after the first cell", "", 0, target=("", 8)),
    Figure("idle_cpu", "idle", "CPU while idle", "ms/s", 2),
    Figure("growth", "growth", "growth for 1,000 executes, not stored", "KB", 0, target=("", 16)),
    Figure("instructions_execute", "instructions", "execute of `pass`", "k instr.", 0, target=("", 1500)),
    Figure("instructions_pipeline", "instructions", "... in a pipeline", "k instr.", 0),
    Figure("instructions_info", "instructions", "kernel_info on control", "k instr.", 0),
)

MEASURE_NAMES: Final[tuple[str, ...]] = tuple(dict.fromkeys(figure.measure for figure in FIGURES))
"""The measures in the order in which they are taken, for example ("start", "first_execute", ...)."""


COUNTED: Final = "instructions"
"""The measure that is taken only when it is named: it needs valgrind, and a minute for each kernel."""


def select(names: list[str]) -> list[str]:
    """The measures that `names` ask for; a name is a measure's or a figure's, none at all asks for all but the counted.

    `select(["memory", "start"])` gives `["start", "idle"]`. An unknown name raises `ValueError`, which lists them.
    """
    if not names:
        return [name for name in MEASURE_NAMES if name != COUNTED]
    owners = {figure.name: figure.measure for figure in FIGURES} | {name: name for name in MEASURE_NAMES}
    unknown = [name for name in names if name not in owners]
    if unknown:
        raise ValueError(f"no measure {', '.join(unknown)}; there are: {', '.join(MEASURE_NAMES)}")
    wanted = {owners[name] for name in names}
    return [name for name in MEASURE_NAMES if name in wanted]
