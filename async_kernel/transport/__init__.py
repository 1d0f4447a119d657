"""How messages move: ZMQ sockets and the thread that owns them, or memory. What a message means is not known here."""
