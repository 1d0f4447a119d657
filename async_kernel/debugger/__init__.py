"""The debugger, which serves debug_request by debugpy (the Debug Adapter Protocol; messaging spec, "Debug request").

It knows the debuggee, and neither the routes nor IPython. Loaded when the first debug_request comes.
"""
