"""How messages move: ZMQ sockets and the thread that owns them, or memory. The meaning of messages is not known
here."""
