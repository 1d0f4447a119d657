"""The table: each suite, and each of its tests that does not pass under this kernel, with the reason.

`docs/compare/suites.md` is written from it (`python -m tests.suites --page`). For a newer version, change it here and
in the group `suites` of pyproject.toml, run `release/lock.py`, and put in the hash that pip then names.
"""

from __future__ import annotations

from .differences import Difference, Kind, Suite

__all__ = ["SUITES"]

IPYKERNEL = Suite(
    name="ipykernel",
    version="7.4.0",
    sha256="4330114d22b9b33575b2c7c68753fc8faabbbcfbc60b0cdff9f14dd4ce63742f",
    covers="A kernel seen from outside: the messages of the protocol, printing from threads and processes, interrupts, "
    "async cells, the debugger, subshells. Its other tests are of ipykernel's own classes.",
    tests=(
        "tests/test_kernel.py",
        "tests/test_message_spec.py",
        "tests/test_async.py",
        "tests/test_debugger.py",
        "tests/test_subshells.py",
    ),
    backends=("asyncio", "uvloop"),  # its async cells are written for asyncio
    differences=(
        Difference(
            Kind.ON_PURPOSE,
            "The output of a thread appears in the cell that started it, also while other cells run.",
            ("tests/test_kernel.py::test_print_to_correct_cell_from_thread[none]",),
        ),
        Difference(
            Kind.ON_PURPOSE,
            "Completion, inspection and the like are answered while a cell runs; the test expects replies after it.",
            ("tests/test_message_spec.py::test_non_execute_stop_on_error",),
        ),
        Difference(
            Kind.ON_PURPOSE,
            "This kernel has its own version number; the test expects at least 2.1, a version of ipykernel.",
            ("tests/test_message_spec.py::test_kernel_info_request",),
        ),
        Difference(
            Kind.ON_PURPOSE,
            "After a request that is answered beside a running cell, the kernel says busy for that cell again, since "
            "clients take the latest status for that of the kernel. The tests count the statuses.",
            (
                "tests/test_debugger.py::test_debug_requests_sequential",
                "tests/test_subshells.py::test_idle_message_parent_headers[are_subshells0]",
                "tests/test_subshells.py::test_idle_message_parent_headers[are_subshells1]",
                "tests/test_subshells.py::test_idle_message_parent_headers[are_subshells2]",
            ),
        ),
        Difference(
            Kind.ON_PURPOSE,
            "An interrupt at the prompt of pdb ends the cell with an error, and an error aborts the queued cells; the "
            "test expects the next cell to run.",
            ("tests/test_kernel.py::test_interrupt_during_pdb_set_trace",),
        ),
        Difference(
            Kind.ON_PURPOSE,
            "A cell on the control channel is refused, since it would block the end of the kernel.",
            ("tests/test_kernel.py::test_sequential_control_messages",),
        ),
        Difference(
            Kind.SKIPPED,
            "The suite does not read the output of child processes, since pytest captures it.",
            ("tests/test_kernel.py::test_capture_fd", "tests/test_kernel.py::test_subprocess_peek_at_stream_fileno"),
        ),
        Difference(
            Kind.SKIPPED,
            "Windows only.",
            ("tests/test_kernel.py::test_complete", "tests/test_kernel.py::test_unc_paths"),
        ),
        Difference(
            Kind.SKIPPED,
            "According to the suite, it stalls on Linux.",
            ("tests/test_kernel.py::test_shutdown_subprocesses",),
        ),
    ),
)

NBCLIENT = Suite(
    name="nbclient",
    version="0.11.0",
    sha256="04a134a5b087f2c5887f228aca155db50169b8cd9334dee6942c8e927e56081a",
    covers="Whole notebooks, as nbconvert and papermill run them: their outputs compared with those of ipykernel, "
    "errors, timeouts, kernels that die, widgets, several notebooks at once.",
    tests=("tests/test_client.py", "tests/test_cli.py"),
    differences=(
        Difference(
            Kind.ON_PURPOSE,
            "The error of `input()` in a batch run says what to do instead; the test compares its text.",
            ("tests/test_client.py::TestExecute::test_disable_stdin",),
        ),
        Difference(
            Kind.ON_PURPOSE,
            "A cell that ends its kernel with SIGTERM gets an error reply; the tests expect no reply, and a dead "
            "kernel.",
            (
                "tests/test_client.py::TestExecute::test_error_notebook_hook",
                "tests/test_client.py::TestExecute::test_kernel_death_during_execution",
            ),
        ),
    ),
)

PAPERMILL = Suite(
    name="papermill",
    version="2.7.0",
    sha256="ec10b37594a060662f57269e1ebd108c209d204450f00fdfeb70a1c7cfb7fbc8",
    covers="Notebooks with parameters: errors, reports, exits of cells, logged output. Its other tests are of "
    "translators and of storage in clouds. One is left out. It expects one save for "
    "each second since the first cell was sent; here that time includes the import of IPython.",
    tests=(
        "papermill/tests/test_autosave.py",
        "papermill/tests/test_cli.py",
        "papermill/tests/test_clientwrap.py",
        "papermill/tests/test_engines.py",
        "papermill/tests/test_execute.py",
        "papermill/tests/test_parameterize.py",
    ),
    members=("papermill", "pyproject.toml"),
    options=(
        "--deselect=papermill/tests/test_autosave.py::TestMidCellAutosave::test_end2end_autosave_slow_notebook",
    ),  # see `covers`
    differences=(
        Difference(
            Kind.FAULT,
            "The notebook imports `display` from a module of IPython that no longer has it.",
            ("papermill/tests/test_execute.py::TestBrokenNotebook2::test",),
        ),
    ),
)

IPYWIDGETS = Suite(
    name="ipywidgets",
    version="8.1.9",
    sha256="bcccba38a6ec3253f7a39c943cea5b9ad01999ce071396171adbc51c6a6a8613",
    covers="Every widget, `interact`, widgets embedded in pages. Run in a cell of the kernel, with its comms.",
    tests=("ipywidgets",),
    members=("ipywidgets", "pyproject.toml"),
    inside=True,
)

IPYMPL = Suite(
    name="ipympl",
    version="0.10.0",
    sha256="eda69602a010af2a42e8ebd069b0ee0dbe8df7fc69d7c1e8b99fece0a2fe613f",
    covers="The canvas of matplotlib that is a widget: what its toolbar saves. Run in a cell of the kernel.",
    tests=("tests",),
    inside=True,
)

NBVAL = Suite(
    name="nbval",
    version="0.11.0",
    sha256="77c95797607b0a968babd2597ee3494102d25c3ad37435debbdac0e46e379094",
    covers="Notebooks that are tests: cells compared with their stored outputs, timeouts, coverage of what cells run. "
    "One further test needs nbdime.",
    tests=(
        "tests/test_collect.py",
        "tests/test_coverage.py",
        "tests/test_ignore.py",
        "tests/test_plugin.py",
        "tests/test_timeouts.py",
        "tests/test_unit_tests_in_notebooks.py",
    ),
    backends=("trio",),  # no cell of its notebooks uses a loop, so that one suffices
)

JUPYTER_CLIENT = Suite(
    name="jupyter_client",
    version="8.10.0",
    sha256="9f7116294dca55f1785be880057d44544db9b1567718d92cb33c58886afb9497",
    covers="Clients of each kind, and managers of one kernel and of many, beside each other and in threads. Its other "
    "tests start kernels of their own, or none.",
    tests=(
        "tests/test_client.py",
        "tests/test_kernelmanager.py::TestKernelManager",
        "tests/test_kernelmanager.py::TestAsyncKernelManager",
        "tests/test_multikernelmanager.py",
    ),
    differences=(
        Difference(
            Kind.ON_PURPOSE,
            "The kernel spec asks for interrupts as messages, since a message says when it was sent, and a signal does "
            "not; the test counts signals.",
            (
                "tests/test_kernelmanager.py::TestKernelManager::test_subclass_callables[tcp]",
                "tests/test_kernelmanager.py::TestKernelManager::test_subclass_callables[ipc]",
                "tests/test_kernelmanager.py::TestAsyncKernelManager::test_subclass_callables[tcp]",
                "tests/test_kernelmanager.py::TestAsyncKernelManager::test_subclass_callables[ipc]",
            ),
        ),
        Difference(
            Kind.SKIPPED,
            "According to the suite, the client in threads does not support it.",
            ("tests/test_client.py::TestThreadedKernelClient::test_execute_interactive",),
        ),
        Difference(
            Kind.SKIPPED,
            "According to the suite, a kernel does not start in a pool of processes.",
            ("tests/test_multikernelmanager.py::TestKernelManager::test_start_parallel_process_kernels",),
        ),
    ),
)

SUITES = {suite.name: suite for suite in (IPYKERNEL, NBCLIENT, PAPERMILL, IPYWIDGETS, IPYMPL, NBVAL, JUPYTER_CLIENT)}
"""Each suite by its name."""
