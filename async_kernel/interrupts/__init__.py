"""Interrupts: ending the work of a thread now, without harming what it does next.

The problem. A user presses the stop button. The cell may compute in Python, compute in C, wait in a system call, await
in a loop, wait for processes, print without end, or show a dialog. It may run in the main thread or in that of a
subshell. It has to end soon, with its `finally` blocks run, and the next cell must not notice anything.

What does not work, and why.

- Python's own handler of SIGINT raises KeyboardInterrupt wherever the main thread happens to be. That may be the kernel
  in the middle of a reply, or the loop between two tasks: then the interrupt ends the kernel, or the wrong task.
- A flag that code looks at now and then. Only code that knows of it looks.
- One delivery. A signal may come between the last bytecode and a system call, and is heard when the call returns. An
  exception may be dropped by C code that called Python (`__del__`, callbacks of ctypes and of Qt), or caught by a bare
  `except`. A cancellation may be suppressed.
- To cancel the task alone. Code that computes never looks at a cancellation.
- To send until the cell says that it has ended. The last one then hits the next cell.

The solution.

1. An interrupt is bound to one piece of work, and is delivered at most once (`target`). The code that is about to
   deliver it *claims* it first, in the thread of the work; when the work has ended nothing can be claimed any more.
2. It is tried again and again until it is claimed, at growing pauses, by a thread of its own (`interrupter`). Each try
   does all that may help: a real signal for the main thread, so that system calls return; an asynchronous exception
   for another thread (`delivery`); the end of the wait that the task is in (`Target.end_wait`); the end of a
   main loop that a dialog has nested (`callbacks`). After a moment the processes of the work are interrupted as well
   (`offspring`, and `waits` for those that it waits for), as Ctrl-C in a terminal does.
3. It is raised only where user code runs, and nothing of the kernel's or the loop's is left half done
   (`async_kernel.stacks`). A cell that only prints is nearly always in the kernel's code: there the interrupt waits for
   a *checkpoint*, which the outermost function of ours calls when it has done its part.
4. Something else may hold the thread: a callback, a task, another cell. It has `target.PATIENCE` from when it is first
   met, and is then interrupted too, once. This is the only case in which an interrupt hits what it was not sent for.
5. Once raised, it is followed by tracing until user code has it (`aftermath`). If C code drops it, it is raised again,
   and a second interrupt that is caught is raised again in the handler.
6. Signals end the wait of the main thread for certain, although several parties want the wakeup descriptor (`wakeup`).
7. A thread that does not move, with an exception waiting for it, stands in a call that nothing ends (`stuck`). A
   subshell leaves it behind and goes on in a new one.

What is given up on.

- C code that keeps the GIL delays everything until it returns. The user is told after a second.
- A system call of a thread other than the main one is not ended. Its thread is left.
- An exception in another thread cannot be traced from here: a dropped one is heard of by `sys.unraisablehook`,
  and a thread that catches the second interrupt is left.
- Nothing is followed while a debugger traces the thread.
- On Windows the processes of a cell are not interrupted: there one can only be told to end.
- A handler of signals that the user has set may raise anywhere. `foreign_handlers` keeps that out of our code between
  cells, not within them.

`PyThreadState_SetAsyncExc` raises at the next bytecode of a thread, which another thread has to foresee: it looks at
the stack and sets the exception within one switch interval, just after it has been given the GIL. On a free-threaded
Python this would not hold.
"""
