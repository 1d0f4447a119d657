"""Row 4: code that runs a loop of its own works in a cell, and so does code that counts on the kernel's loop."""

from __future__ import annotations

from typing import NamedTuple

from ..kernel import Backend, Kernel, Subject
from ..probe import Missed, Outcome, passed, probe

MAIN = "async def main():\n    await asyncio.sleep(0.01)\n    print('in the loop')\n    return 'result'\n"


class Runner(NamedTuple):
    """A call that runs a loop: `code` ends in an expression that gives "result" and prints "in the loop"."""

    name: str
    code: str


RUNNERS = (
    Runner("asyncio.run", f"import asyncio\n{MAIN}asyncio.run(main())"),
    Runner(
        "asyncio.Runner", f"import asyncio\n{MAIN}with asyncio.Runner() as runner: value = runner.run(main())\nvalue"
    ),
    Runner("uvloop.run", f"import asyncio, uvloop\n{MAIN}uvloop.run(main())"),
    Runner("anyio.run", f"import asyncio, anyio\n{MAIN}anyio.run(main)"),
    Runner(
        "anyio.run-trio",
        "import anyio\nasync def main():\n    await anyio.sleep(0.01)\n    print('in the loop')\n    return 'result'\n"
        "anyio.run(main, backend='trio')",
    ),
    Runner(
        "trio.run",
        "import trio\nasync def main():\n    await trio.sleep(0.01)\n    print('in the loop')\n    return 'result'\n"
        "trio.run(main)",
    ),
    Runner(
        "new_event_loop",
        f"import asyncio\n{MAIN}loop = asyncio.new_event_loop()\n"
        "try: value = loop.run_until_complete(main())\nfinally: loop.close()\nvalue",
    ),
    Runner("asgiref", f"import asyncio\nfrom asgiref.sync import async_to_sync\n{MAIN}async_to_sync(main)()"),
    Runner(
        "asyncclick",
        "import asyncclick\n@asyncclick.command()\nasync def main():\n    print('in the loop')\n    return 'result'\n"
        "main([], standalone_mode=False)",
    ),
    Runner(
        "uvicorn",
        "import asyncio, uvicorn\n"
        "async def app(scope, receive, send):\n"
        "    if scope['type'] == 'lifespan':\n"
        "        await receive()\n"
        "        await send({'type': 'lifespan.startup.complete'})\n"
        "        print('in the loop')\n"
        "        server.should_exit = True\n"
        "        await receive()\n"
        "        await send({'type': 'lifespan.shutdown.complete'})\n"
        "server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan='on', log_level='warning'))\n"
        "server.run()\n'result'",
    ),
)


def _enter(runner: Runner) -> None:
    @probe(4, f"loop-{runner.name}", f"{runner.name} in a cell")
    def _(subject: Subject) -> Outcome:
        with Kernel(subject) as kernel:
            for turn in ("once", "twice"):
                cell = kernel.run(runner.code, 15)
                if not cell.ok:
                    raise Missed(f"{turn}: {cell.error}")
                if cell.text != "in the loop\n" or cell.displayed != ["'result'"]:
                    raise Missed(f"{turn}: printed {cell.text!r}, gave {cell.displayed}")
            library = subject.backend
            after = kernel.need(f"import {library}\nawait {library}.sleep(0.01)\nprint('awaited')")
            if after.text != "awaited\n":
                raise Missed(f"the next cell printed {after.text!r}")
        return passed()


for _runner in RUNNERS:
    _enter(_runner)

ASYNCIO: tuple[Backend, ...] = ("asyncio",)


@probe(4, "loop-create_task", "asyncio.create_task in a cell without await", ASYNCIO)
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        kernel.need(
            "import asyncio\ndone = []\nasync def work():\n    await asyncio.sleep(0.05)\n    done.append(1)\n"
            "task = asyncio.create_task(work())\nassert asyncio.get_running_loop() is task.get_loop()"
        )
        cell = kernel.need("await asyncio.wait_for(task, 5); print(done)")
        if cell.text != "[1]\n":
            raise Missed(f"printed {cell.text!r}")
    return passed()


@probe(4, "loop-kept", "a task of the kernel's loop lives on beside asyncio.run", ASYNCIO)
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        kernel.need(
            "import asyncio\nticks = []\nasync def tick():\n    while True:\n        ticks.append(1)\n"
            "        await asyncio.sleep(0.01)\ntask = asyncio.create_task(tick())"
        )
        kernel.need("asyncio.run(asyncio.sleep(0.05))")
        cell = kernel.need("count = len(ticks)\nawait asyncio.sleep(0.2)\nprint(len(ticks) > count, task.done())")
        if cell.text != "True False\n":
            raise Missed(f"printed {cell.text!r}")
    return passed()


@probe(4, "loop-interrupted", "asyncio.run in a cell can be interrupted")
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        client = kernel.client
        request = client.execute(
            "import asyncio\nasync def main():\n    print('ready')\n    await asyncio.sleep(60)\nasyncio.run(main())"
        )

        def ready() -> bool:
            return "ready" in client.text(request) or client.find(request, "execute_reply") is not None

        client.wait(ready, 10, "the output before the hang")
        if early := client.find(request, "execute_reply"):
            raise Missed(kernel.cell(request, early).error)
        kernel.interrupt("message")
        reply = client.reply(request, 5, "the reply to the interrupted cell")
        if not kernel.tells_interrupt(reply):
            raise Missed(kernel.cell(request, reply).error or "ok")
        client.idle(request)
        kernel.need("1")
    return passed()
