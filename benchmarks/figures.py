"""What is measured: the figures of each measure, their titles and units.

One table, read by the command line (names for `--only`), by the measuring program and by the report.
It knows neither sockets nor kernels, and imports nothing outside the standard library.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["FIGURES", "MEASURE_NAMES", "Figure", "select"]


class Figure(NamedTuple):
    """One number that is reported for each kernel.

    `measure` names the measure that yields it, for example "start"; `unit` is printed in the table; `digits` are the
    decimals shown; `better` is "lower", "higher" or "" where neither holds.
    """

    name: str
    measure: str
    title: str
    unit: str
    digits: int
    better: str = "lower"


FIGURES: Final[tuple[Figure, ...]] = (
    Figure("start_info", "start", "cold start to kernel_info_reply", "ms", 1),
    Figure("start_info_execute", "start", "... then to execute_reply", "ms", 1),
    Figure("start_execute", "first_execute", "cold start to execute_reply", "ms", 1),
    Figure("shutdown", "start", "shutdown_request to exit", "ms", 1),
    Figure("roundtrip_reply", "roundtrip", "execute to reply, median", "ms", 3),
    Figure("roundtrip_reply_p99", "roundtrip", "execute to reply, p99", "ms", 3),
    Figure("roundtrip_idle", "roundtrip", "execute to idle, median", "ms", 3),
    Figure("roundtrip_idle_p99", "roundtrip", "execute to idle, p99", "ms", 3),
    Figure("history_reply", "roundtrip_history", "stored execute to reply, median", "ms", 3),
    Figure("history_reply_p99", "roundtrip_history", "stored execute to reply, p99", "ms", 3),
    Figure("history_idle", "roundtrip_history", "stored execute to idle, median", "ms", 3),
    Figure("history_idle_p99", "roundtrip_history", "stored execute to idle, p99", "ms", 3),
    Figure("pipeline_replies", "pipeline", "200 executes at once, all replies", "ms", 1),
    Figure("pipeline_idles", "pipeline", "200 executes at once, all idle", "ms", 1),
    Figure("prints_rate", "prints", "prints: lines received", "/s", 0, "higher"),
    Figure("prints_first", "prints", "prints: first line", "ms", 1),
    Figure("prints_messages", "prints", "prints: stream messages", "", 0),
    Figure("prints_sent", "prints", "prints: lines printed", "", 0, ""),
    Figure("prints_lost", "prints", "prints: lines lost", "", 0),
    Figure("prints_idle", "prints", "prints: idle seen (1 = always)", "", 2, "higher"),
    Figure("logging_rate", "logging", "logging: lines received", "/s", 0, "higher"),
    Figure("logging_first", "logging", "logging: first line", "ms", 1),
    Figure("logging_messages", "logging", "logging: stream messages", "", 0),
    Figure("logging_sent", "logging", "logging: lines logged", "", 0, ""),
    Figure("logging_lost", "logging", "logging: lines lost", "", 0),
    Figure("logging_idle", "logging", "logging: idle seen (1 = always)", "", 2, "higher"),
    Figure("memory", "idle", "memory (RSS) after the first cell", "MB", 1),
    Figure("threads", "idle", "threads after the first cell", "", 0),
    Figure("idle_cpu", "idle", "CPU while idle", "ms/s", 2),
)

MEASURE_NAMES: Final[tuple[str, ...]] = tuple(dict.fromkeys(figure.measure for figure in FIGURES))
"""The measures in the order in which they are taken, for example ("start", "first_execute", ...)."""


def select(names: list[str]) -> list[str]:
    """The measures that `names` ask for; a name is a measure's or a figure's, none at all asks for everything.

    `select(["memory", "start"])` gives `["start", "idle"]`. An unknown name raises `ValueError`, which lists them.
    """
    if not names:
        return list(MEASURE_NAMES)
    owners = {figure.name: figure.measure for figure in FIGURES} | {name: name for name in MEASURE_NAMES}
    unknown = [name for name in names if name not in owners]
    if unknown:
        raise ValueError(f"no measure {', '.join(unknown)}; there are: {', '.join(MEASURE_NAMES)}")
    wanted = {owners[name] for name in names}
    return [name for name in MEASURE_NAMES if name in wanted]
