"""Suites that other projects wrote, pointed at this kernel.

`table` lists them, and the tests of theirs that do not pass. `sources` fetches them, `run` runs one of them in an
environment of `tests.environments`, `page` writes `docs/compare/suites.md`. `python -m tests.suites` runs a suite by
hand.
"""
