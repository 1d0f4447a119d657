"""What a kernel does with requests: which lane serves them, in which order, and what is said about it.

It knows no sockets, no IPython, no operating system, and not which backend runs.
"""
