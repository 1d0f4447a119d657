"""The debugger: what serves debug_request, on debugpy (the Debug Adapter Protocol; messaging spec, "Debug request").

It knows what a debuggee is, not the routes, nor IPython. Loaded when the first debug_request comes.
"""
