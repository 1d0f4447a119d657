"""`python -m async_kernel`: the command line."""

import sys

from async_kernel.import_order import keep_user_files_out

if __name__ == "__main__":
    keep_user_files_out()  # before anything is imported: the working folder is first on sys.path

    from async_kernel.command import command_line

    sys.exit(command_line())
