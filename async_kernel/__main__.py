"""`python -m async_kernel`: the command line."""

import gc
import sys

from async_kernel.early_interrupts import disregard_interrupts
from async_kernel.import_order import keep_user_files_out

if __name__ == "__main__":
    disregard_interrupts()
    gc.disable()  # what is imported stays: the launcher switches it on for interfaces, ours when all is imported
    keep_user_files_out()  # before anything is imported: the working folder is first on sys.path

    from async_kernel.command import command_line

    sys.exit(command_line())
