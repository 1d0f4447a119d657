"""The clients that people use, each driven with this kernel: `pytest tests/clients`.

`table` lists them and what is shown of each; `docs/compare/clients.md` is written from it (`python -m tests.clients`).
Clients that are libraries are driven by a program in `drivers`, which runs in an environment of its own and prints as
JSON what it saw at each step; clients that are commands are run, on a notebook or in a terminal.
"""
