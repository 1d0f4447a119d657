"""The table: each cell that shows something else here than under ipykernel, with the reason."""

from __future__ import annotations

from .differences import Difference, Kind

__all__ = ["ABOUT", "DIFFERENCES"]

ABOUT = {
    "browser": "playwright",
    "plots": "matplotlib inline and ipympl, seaborn, pandas, altair, plotly, bokeh with `push_notebook`",
    "processes": "multiprocessing by fork, spawn and forkserver, executors, subprocess, joblib, scikit-learn, dask",
    "python": "streams, children, threads, signals, tracebacks, warnings, logging, loops, `sys` and `__main__`",
    "progress": "tqdm in all its forms, rich",
    "shell": "displays, `%%capture`, hooks, events, transformers, magics, errors, extensions, backends of matplotlib",
    "tables": "pandas, polars, numpy, sympy, jupysql, duckdb",
    "tools": "ipytest, doctest, unittest, line_profiler, autoreload, numba, IPython's displays and magics, asyncio",
    "web": "fastapi, uvicorn, httpx, aiohttp, servers in tasks and threads",
    "widgets": "every class of ipywidgets, anywidget, comms",
}
"""The libraries in each notebook."""

DIFFERENCES = (
    Difference(
        "browser",
        ("playwright: its synchronous API",),
        Kind.BETTER,
        "The synchronous API of playwright works in cells. There it is refused.",
        here='"stdout": ""',
        there="It looks like you are using Playwright Sync API inside the asyncio loop.",
    ),
    Difference(
        "browser",
        ("playwright: a page in a later cell",),
        Kind.BETTER,
        "What a task prints is shown in the cell that runs then, also when an earlier one has started it. There it is "
        "lost in a batch run.",
        here="the page says hello",
        there='"stdout": "A page in it 3',
        backends=("asyncio",),
    ),
    Difference(
        "browser",
        ("playwright: a page by its synchronous API, in a later cell",),
        Kind.BETTER,
        "The synchronous API of playwright works in cells. There it is refused.",
        here="A page in it 3",
        there="no page",
    ),
    Difference(
        "processes",
        ("a pool that a later cell uses: its process speaks", "dask.distributed: its worker prints, in a later cell"),
        Kind.BETTER,
        "What the workers of a pool or a cluster write is shown in the cell that uses it, also when an earlier one has "
        "made it. There it is lost in a batch run.",
        here="says the worker",
        there='"stdout": ""',
    ),
    Difference(
        "shell",
        (
            "a variable of the environment that is not there",
            "a cell magic that nobody has made",
            "a line magic as a cell magic",
            "a wrong use that code raises",
        ),
        Kind.BETTER,
        "A wrong use of a magic is an error like any other, which front ends mark as such. There it is text in stderr.",
        here='"output_type": "error"',
        there='"stderr": "UsageError: ',
    ),
    Difference(
        "shell",
        ("a group of exceptions",),
        Kind.BETTER,
        "A group of exceptions is an error as any other, without the frames of IPython. There it is text in stderr.",
        here='"ename": "ExceptionGroup"',
        there="in run_code",
    ),
    Difference(
        "tools",
        ("a magic that nobody has made",),
        Kind.BETTER,
        "A wrong use of a magic is an error like any other, which front ends mark as such. There it is text in stderr.",
        here='"output_type": "error"',
        there='"stderr": "UsageError: Line magic function `%nothing` not found.',
    ),
    Difference(
        "tools",
        ("magics that tell",),
        Kind.BETTER,
        "There are two magics more, `%%task` and `%%thread`.",
        here="%%task  %%thread",
        there="%%system  %%time",
    ),
    Difference(
        "tools",
        ("asyncio: that later cell",),
        Kind.BETTER,
        "What a task prints is shown in the cell that runs then, also when an earlier one has started it. There it is "
        "lost in a batch run.",
        here='"stdout": "waited 300',
        there='"stdout": ""',
        backends=("asyncio",),
    ),
    Difference(
        "web",
        ("httpx: from a later cell",),
        Kind.BETTER,
        "What a task prints, or a thread that it has started, is shown in the cell that runs then, also when an "
        "earlier one has started it. There it is lost in a batch run.",
        here="in a thread of the server",
        there="]\nthread",
        backends=("asyncio",),
    ),
)
