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
        "The synchronous API of playwright works in cells; ipykernel refuses it.",
        here='"stdout": ""',
        there="It looks like you are using Playwright Sync API inside the asyncio loop.",
    ),
    Difference(
        "browser",
        ("playwright: a page in a later cell",),
        Kind.BETTER,
        "In a batch run, the output of an earlier cell's task appears in the cell that is running. Under ipykernel it "
        "is lost.",
        here="the page says hello",
        there='"stdout": "A page in it 3',
        backends=("asyncio",),
    ),
    Difference(
        "browser",
        ("playwright: a page by its synchronous API, in a later cell",),
        Kind.BETTER,
        "The synchronous API of playwright works in cells; ipykernel refuses it.",
        here="A page in it 3",
        there="no page",
    ),
    Difference(
        "processes",
        ("a pool that a later cell uses: its process speaks", "dask.distributed: its worker prints, in a later cell"),
        Kind.BETTER,
        "In a batch run, the output of a pool or cluster that an earlier cell has created appears in the cell that "
        "uses it. Under ipykernel it is lost.",
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
        "The wrong use of a magic is an error, and front ends mark it as such. Under ipykernel it is text in stderr.",
        here='"output_type": "error"',
        there='"stderr": "UsageError: ',
    ),
    Difference(
        "shell",
        ("a group of exceptions",),
        Kind.BETTER,
        "An exception group is an ordinary error, without IPython's frames. Under ipykernel it is text in stderr.",
        here='"ename": "ExceptionGroup"',
        there="in run_code",
    ),
    Difference(
        "tools",
        ("a magic that nobody has made",),
        Kind.BETTER,
        "The wrong use of a magic is an error, and front ends mark it as such. Under ipykernel it is text in stderr.",
        here='"output_type": "error"',
        there='"stderr": "UsageError: Line magic function `%nothing` not found.',
    ),
    Difference(
        "tools",
        ("magics that tell",),
        Kind.BETTER,
        "There are two additional magics, `%%task` and `%%thread`.",
        here="%%task  %%thread",
        there="%%system  %%time",
    ),
    Difference(
        "tools",
        ("asyncio: that later cell",),
        Kind.BETTER,
        "In a batch run, the output of an earlier cell's task appears in the cell that is running. Under ipykernel it "
        "is lost.",
        here='"stdout": "waited 300',
        there='"stdout": ""',
        backends=("asyncio",),
    ),
    Difference(
        "web",
        ("httpx: from a later cell",),
        Kind.BETTER,
        "In a batch run, the output of an earlier cell's task, or of a thread that it has started, appears in the cell "
        "that is running. Under ipykernel it is lost.",
        here="in a thread of the server",
        there="]\nthread",
        backends=("asyncio",),
    ),
)
