"""The kernel and its requests: which lane serves them, in which order, and what is said about each.

It knows no sockets, no IPython, no operating system, and not which backend runs. A request on its way through the
modules:

    kernel               takes a decoded message in, from the thread that moves messages
    routes               its type has a method of the desk, an order, and channels
    orders               the order takes the request with its handler, and makes a job of it
    lanes, comm_line     the job waits for its turn; a comm message is also offered beside a cell, and apart in a thread
    aside                a question is offered to the loop of its shell and to the service thread
    job                  the first to take it serves it
    bench                the shell serves it, in its loop or in a thread
    dispatch             says busy, and replies and says idle whatever the handler does
    execution            the request while it is served, as something that an interrupt reaches
    desk                 the handler: asks the interpreter, the comms, the debugger (`ports`)
    request, outlet      output, display and questions meanwhile go back to the client
"""
