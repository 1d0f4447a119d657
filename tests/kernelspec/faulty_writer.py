"""A writer of kernel specs that dies, or meets an error, at its n-th filesystem call. Run as a program by test_faults.

    python faulty_writer.py SCENARIO kill|error FOLDER

For n = 1, 2, ... it prepares FOLDER, lets a forked child act with a fault at the n-th call, and prints one line of JSON
with what is on the disk then, until a child finishes without meeting its fault.
"""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from async_kernel.errors import SpecError
from async_kernel.kernelspec import store
from async_kernel.kernelspec.spec import KernelSpec
from async_kernel.settings import Settings

OLD_SOURCE, NEW_SOURCE = "start_interface_00000000000000aa.py", "start_interface_00000000000000bb.py"
CALLS = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.listdir", "os.scandir"}


met = False


def spec(generation: str) -> KernelSpec:
    source = OLD_SOURCE if generation == "old" else NEW_SOURCE
    settings = Settings("{connection_file}", "mine", generation, f"{{resource_dir}}/{source}:start")
    return KernelSpec.from_settings(settings)


def write(folder: Path, generation: str, force: bool = False) -> None:
    source = OLD_SOURCE if generation == "old" else NEW_SOURCE
    store.write(folder, spec(generation), {source: generation.encode()}, force)


def prepare(scenario: str, folder: Path) -> None:
    shutil.rmtree(folder.parent, ignore_errors=True)
    folder.parent.mkdir(parents=True)
    if scenario in {"update", "remove"}:
        write(folder, "old")
        (folder / "notes.txt").write_text("the user's own")
    if scenario == "foreign":
        folder.mkdir()
        (folder / "kernel.json").write_text('{"argv": ["other"], "display_name": "old", "language": "x"}')
        (folder / "notes.txt").write_text("the user's own")


def act(scenario: str, folder: Path) -> None:
    if scenario == "remove":
        store.remove(folder)
    else:
        write(folder, "new", force=scenario == "foreign")


def arm(fault: Callable[[], None], at: int) -> None:
    """Call `fault` at the `at`-th filesystem call from now on: before it, and in the middle of every write."""
    calls = 0

    def tick(name: str) -> None:
        nonlocal calls
        global met
        calls += 1
        if calls == at:
            met = True
            fault()

    def hook(event: str, _: Any) -> None:
        if event in CALLS:
            tick(event)

    real_open = io.open

    def halting_open(*args: Any, **kwargs: Any) -> Any:
        file = real_open(*args, **kwargs)
        if "w" not in file.mode:
            return file

        class Halting(io.BufferedWriter):
            def write(self, data: Any) -> int:
                half = len(data) // 2
                super().write(data[:half])
                self.flush()
                tick("write")
                return half + super().write(data[half:])

        return Halting(file.detach())

    def halting_fsync(fd: Any) -> None:
        tick("fsync")

    io.open, os.fsync = halting_open, halting_fsync
    sys.addaudithook(hook)


def disk(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder.parent)): path.read_text(errors="replace")
        for path in sorted(folder.parent.rglob("*"))
        if path.is_file() and not path.name.startswith("logo")
    }


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def no_space() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def main(scenario: str, fault: str, folder: Path) -> None:
    os.fsync = lambda fd: None  # a process that dies loses nothing that the system has; disks are slow
    for at in range(1, 200):
        prepare(scenario, folder)
        child = os.fork()
        if child == 0:
            arm(kill if fault == "kill" else no_space, at)
            try:
                act(scenario, folder)
            except SpecError:
                os._exit(3)
            except OSError:
                os._exit(4)
            os._exit(10 if met else 0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        after = disk(folder)
        again = "refused"
        if scenario != "remove" or (folder / "kernel.json").exists():
            act(scenario, folder)  # whatever was left does not keep the next writer from its work
            again = "done"
        print(json.dumps({"at": at, "status": status, "disk": after, "again": again, "then": disk(folder)}))
        if status == 0:
            return
    raise SystemExit("never came to an end")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
