"""Kernels that are attacked, starved and killed: each request is answered all the same, and nothing is left behind.

    python -m pytest tests/chaos -m chaos [--seed N] [-n 2]
    python -m tests.chaos [--long] [--seed N] [ARGUMENTS OF PYTEST]

What is taken at random comes from the seed and the name of the test alone: the same seed sends the same messages, makes
the same faults on the same loops, kills at the same moments. The seed of a run stands in its first lines; with it, and
the name of a test, one failure is repeated:

    python -m pytest "tests/chaos/test_faults.py::test_a_fault[no handles]" -m chaos --seed 7

The short run takes some minutes: of each table some rows, each on one loop, and a few thousand messages. The long one
takes all rows on each loop, 10^6 examples for the codec and 10^5 messages for a kernel.

| module | what is done to a kernel |
|---|---|
| `starts` | it is started under odd circumstances: limits, homes, files, variables |
| `faults` | it gets into trouble while it runs: no handles, no threads, clocks that jump, hooks that raise |
| `junk`, `test_messages` | it is sent messages of which one thing is wrong |
| `test_codec` | the codec alone is sent what nobody could sign, and more |
| `test_model` | a client does what it may, in any order |
| `test_kills` | it is killed, or its parent, at any moment, in any state |
| `strangers`, `test_crowds` | bursts, forks, strangers that connect and subscribe |
| `test_lasting` | what should not grow, and what should not be found |
| `test_wanted` | the faults of old, each with its figure; `--python` asks the kernel of another interpreter |

`elsewhere` names the tests of what is attacked where it belongs: those run with all others.
"""
