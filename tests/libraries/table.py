"""The table: each cell that shows something else here than under ipykernel, with the reason."""

from __future__ import annotations

from .differences import Difference, Kind

__all__ = ["ABOUT", "DIFFERENCES"]

ABOUT = {
    "browser": "playwright",
    "plots": "matplotlib inline and ipympl, seaborn, pandas, altair, plotly, bokeh with `push_notebook`",
    "processes": "multiprocessing by fork, spawn and forkserver, executors, subprocess, joblib, scikit-learn, dask",
    "progress": "tqdm in all its forms, rich",
    "tables": "pandas, polars, numpy, sympy, jupysql, duckdb",
    "tools": "ipytest, doctest, unittest, line_profiler, autoreload, numba, IPython's displays and magics, asyncio",
    "web": "fastapi, uvicorn, httpx, aiohttp, servers in tasks and threads",
    "widgets": "every class of ipywidgets, anywidget, comms",
}
"""The libraries in each notebook."""

DIFFERENCES = (
    Difference(
        "tools",
        "a magic that nobody has made",
        Kind.BETTER,
        "A wrong use of a magic is an error like any other, which front ends mark as such; there it is text in stderr.",
        here='"output_type": "error"',
        there='"stderr": "UsageError: Line magic function `%nothing` not found.',
    ),
    Difference(
        "tools",
        "magics that tell",
        Kind.BETTER,
        "There are two magics more, `%%task` and `%%thread`.",
        here="%%task  %%thread",
        there="%%system  %%time",
    ),
    Difference(
        "web",
        "the standard library's client",
        Kind.DIFFERENT,
        "A server in a thread prints into the cell that started the thread, which nbclient no longer listens to.",
        here='"stdout": "b\'\\"thread',
        there="in a thread of the server",
    ),
    Difference(
        "tools",
        "ipytest: some pass, one fails",
        Kind.NOT_YET,
        "pytest warns that it cannot rewrite anyio, which the kernel has imported.",
        here="PytestAssertRewriteWarning",
        there="passed in DURATION",
    ),
    Difference(
        "tools",
        "ipytest: called",
        Kind.NOT_YET,
        "pytest warns that it cannot rewrite anyio, which the kernel has imported.",
        here="PytestAssertRewriteWarning",
        there="passed in DURATION",
    ),
)
