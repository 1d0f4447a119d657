"""Small uses of the libraries that people have in notebooks, under ipykernel and under this kernel.

`notebooks/` has the cells, `cells` reads them, `run` executes them, `normal` takes away what differs between two runs
of one kernel, `table` lists the cells that differ. `page` writes `docs/moving-from-ipykernel.md` from it
(`python -m tests.libraries`).
"""
