"""What users of Python kernels need, as probes that any kernel can be put to.

`wire` talks the Jupyter protocol, `kernel` starts a process and holds it, `probe` says what a probe and its outcome
are, `rows` holds the probes, `subjects` names the kernels. `test_needs` runs the probes against this project's kernel:
they are tests, too. The study that puts them to its peers is `benchmarks/needs.py`. A kernel is a black box here: an
argv, an environment and what its sockets say.
"""
