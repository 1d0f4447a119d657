"""The file that `sys.argv[0]` names in a kernel's process. It is not run; a program that starts `sys.argv` anew is told
so."""

import sys

if __name__ == "__main__":
    sys.exit("This is the command line of a notebook's kernel, which is started by Jupyter: save the code to a script.")
