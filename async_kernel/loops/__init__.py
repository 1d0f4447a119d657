"""Where the main coroutine runs: on asyncio, uvloop, winloop or trio, alone or as the guest of a GUI toolkit.

`detect` says what this interpreter and its surroundings offer, `plan` decides, `run` does it. None of them knows what
the main coroutine is for: nothing here knows Jupyter, sockets or messages.
"""
