"""Where the main coroutine runs: on asyncio, uvloop, winloop or trio, alone or as the guest of a GUI toolkit.

`detect` lists the offers of this interpreter and its surroundings, `plan` decides, `run` does it. None of them knows
the purpose of the main coroutine: nothing here knows Jupyter, sockets or messages.
"""
