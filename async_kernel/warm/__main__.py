"""`python -m async_kernel.warm DESCRIPTOR COMMAND ...`: a standby for a kernel that COMMAND starts.

The process becomes `python -m async_kernel`, so the names that stand here are gone by then.
"""

import sys

if __name__ == "__main__":
    if not sys.flags.safe_path:
        del sys.path[0]  # the folder of the start, which is no kernel's; before anything is imported

    from async_kernel.early_interrupts import disregard_interrupts
    from async_kernel.warm.standby import become_kernel, stand_by

    disregard_interrupts()  # the end of the server, which is waited for, ends this process
    stand_by(int(sys.argv[1]), sys.argv[2:])
    become_kernel()
