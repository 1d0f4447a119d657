"""What is attacked in the tests of the part that it belongs to, row by row: those run with all others."""

__all__ = ["ELSEWHERE"]

ELSEWHERE = {
    "a subscriber that stalls": "tests/e2e/test_strangers.py::test_subscribers_that_stall_cost_a_client_nothing",
    "a frame that is too long": (
        "tests/e2e/test_strangers.py::test_a_frame_that_is_too_long_ends_its_connection_before_it_is_stored"
    ),
    "heartbeats that are not read": "tests/e2e/test_strangers.py::test_heartbeats_that_are_not_read_are_not_kept",
    "replies that are not read": "tests/e2e/test_strangers.py::test_replies_that_a_client_does_not_read_are_bounded",
    "a stranger that takes an identity": (
        "tests/e2e/test_encryption.py::test_with_encryption_nobody_takes_the_identity_of_a_client"
    ),
    "who listens on the network": "tests/e2e/test_encryption.py::test_who_listens_on_the_network_reads_no_word",
    "headers that browsers cannot read": (
        "tests/protocol/test_codec.py::test_a_header_that_some_client_cannot_read_is_refused"
    ),
    "a parent that is killed, in each state": "tests/e2e/test_shutdown.py::test_a_kernel_goes_after_its_parent",
    "a signal that kills": "tests/e2e/test_shutdown.py::test_a_kernel_that_dies_of_a_signal_leaves_no_children",
    "memory that is full": "tests/e2e/test_memory.py::test_a_cell_that_fills_the_memory_fails_and_the_kernel_lives",
    "no memory to send": "tests/kernel/test_memory.py::test_each_cell_is_answered_and_idle",
    "no threads beside a cell": "tests/kernel/test_threads.py::test_an_aside_beside_a_cell_that_blocks_is_refused",
    "a PID namespace": "tests/e2e/test_namespaces.py::test_it_runs_and_ends_when_asked",
    "a pool that is busy": "tests/e2e/test_exit_functions.py::test_a_busy_pool_of_processes_ends_with_the_kernel",
    "a C call that no signal ends": "tests/e2e/test_exit_functions.py::test_an_end_by_force_runs_the_exit_functions",
    "the GIL held": "tests/e2e/test_shutdown.py::test_sigterm_is_heard_while_c_code_keeps_the_gil",
    "a history that is locked": (
        "tests/e2e/test_history.py::test_a_locked_history_costs_no_input_and_holds_up_no_cell"
    ),
    "ports that are taken": "tests/command/test_start.py::test_a_client_sees_at_once_that_its_ports_were_taken",
    "keys that are nonsense": (
        "tests/e2e/test_encryption.py::test_half_keys_and_nonsense_are_an_error_and_no_plain_text"
    ),
    "functions that a cell has replaced": (
        "tests/e2e/test_replaced_functions.py::test_its_own_children_are_ended_and_no_others"
    ),
    "files beside the notebook": "tests/e2e/test_files_beside.py",
    "an installation that fails at each call": (
        "tests/kernelspec/test_faults.py::test_the_spec_is_whole_after_a_fault_at_every_call"
    ),
}
"""The test of each row, by what is attacked."""
