"""A small library for threads and event loops: ways into a loop from other threads, queues between them.

It serves asyncio and trio alike, and does not know its users.
"""
