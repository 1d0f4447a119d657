"""The wire protocol: names, messages, signatures, connection information.

No sockets, no threads, no loops, and no clock but the one that is passed in.
"""
