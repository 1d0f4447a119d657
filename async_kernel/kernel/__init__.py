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

The ways in which something ends here:

    decline     a request     it is wrong: its sender alone gets the error
    refuse      a request     it will not be served: an error, shown to all clients
    abort       a request     it stood behind an error, or behind the end: it was not run
    give_up     a request     it is being served, and ends with an error; later words of it are not sent
    withdraw    a job         WITHDRAWN: no thread that comes later serves it
    done        a job         DONE
    leave       an execution  its thread is left to itself; it has finished for the kernel
    forget      a bench       the end of an execution is no longer waited for
    abandon     a bench       the same for a cell in the background, which is taken out as well
    end         a lane        it takes nothing more, and its queue is handed back
    settle      the shells    all that was said to be busy is said to be idle, or the time is over
    close       an order      its thread ends, once it has served what was put before
    shut_down   the kernel    all of this, in order
"""
