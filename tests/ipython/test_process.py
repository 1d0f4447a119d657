"""The interpreter in a process of its own: `__main__`, child processes, the user's profile, what importing costs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PRELUDE = """
import asyncio, sys
from async_kernel.ipython import create_interpreter
from async_kernel.kernel.request import serving
from tests.ipython.harness import new_request

interpreter = create_interpreter(ATTRIBUTES)

def run(code):
    async def main():
        request, recorder = new_request()
        with serving(request):
            reply = await interpreter.execute(code)
        assert reply["status"] == "ok", reply
        return [m.content["data"]["text/plain"] for m in recorder.messages if m.msg_type == "execute_result"][-1:]
    return asyncio.run(main())

"""


def python(script: str, tmp_path: Path, *, attributes: str = "None", check: bool = True) -> tuple[str, str]:
    """Run a script that may `run(code)`; return its stdout and stderr."""
    environment = os.environ | {"IPYTHONDIR": str(tmp_path / "ipython"), "PYTHONWARNINGS": "error::ResourceWarning"}
    environment["PYTHON_COLORS"] = "0"  # CPython 3.13 colours tracebacks where FORCE_COLOR says so, as for a kernel
    environment["PYTHONPATH"] = os.pathsep.join(
        [str(Path(__file__).parents[2]), *environment.get("PYTHONPATH", "").split()]
    )
    (tmp_path / "ipython").mkdir(exist_ok=True)
    program = PRELUDE.replace("ATTRIBUTES", attributes) + script + "\ninterpreter.close(False)\n"
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", program],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert not check or done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def profile_file(tmp_path: Path, name: str, text: str, profile: str = "default") -> None:
    """Put a file into a profile."""
    file = tmp_path / "ipython" / f"profile_{profile}" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_main_is_the_module_of_the_cells(tmp_path: Path) -> None:
    stdout, _ = python(
        "print(run('''import pickle\\nclass C: pass\\ndef f(x): return x + 1\\n"
        "(__name__, __spec__, '__file__' in globals(), type(pickle.loads(pickle.dumps(C()))) is C,"
        " pickle.loads(pickle.dumps(f)) is f)'''))\n"
        "assert sys.modules['__main__'] is interpreter.shell.user_module",
        tmp_path,
    )
    assert stdout == "[\"('__main__', None, False, True, True)\"]\n"


@pytest.mark.skipif(sys.platform == "win32", reason="fork")
def test_forked_workers_run_functions_of_cells(tmp_path: Path) -> None:
    stdout, _ = python(
        "print(run('''import multiprocessing\\ndef square(x): return x * x\\n"
        "with multiprocessing.get_context(\"fork\").Pool(2) as pool: found = pool.map(square, range(4))\\nfound'''))",
        tmp_path,
    )
    assert stdout == "['[0, 1, 4, 9]']\n"


@pytest.mark.parametrize("method", ["spawn"] if sys.platform == "win32" else ["spawn", "forkserver"])
def test_spawned_workers_do_not_start_the_kernel_again(tmp_path: Path, method: str) -> None:
    stdout, _ = python(
        f"print(run('''import math, multiprocessing\\n"
        f'with multiprocessing.get_context("{method}").Pool(1) as pool:'
        f" found = pool.map(math.sqrt, [4, 9])\\nfound'''))",
        tmp_path,
    )
    assert stdout == "['[2.0, 3.0]']\n"


def test_the_default_profile_is_honoured(tmp_path: Path) -> None:
    profile_file(tmp_path, "startup/10-first.py", "from_startup = [1]\n")
    profile_file(tmp_path, "startup/20-second.ipy", "from_startup.append(2)\nhere = %pwd\n")
    profile_file(tmp_path, "ipython_config.py", "c.InteractiveShellApp.exec_lines = ['from_lines = 3']\n")
    profile_file(
        tmp_path,
        "ipython_kernel_config.py",
        "c.IPKernelApp.exec_files = ['more.py']\nc.ZMQInteractiveShell.xmode = 'Plain'\n"
        "c.InteractiveShell.cache_size = 7\n"
        "c.IPCompleter.use_jedi = False\n",
    )
    (tmp_path / "more.py").write_text("from_file = 4\n")
    stdout, _ = python(
        "print(run('(from_startup, from_lines, from_file, get_ipython().InteractiveTB.mode, get_ipython().cache_size,"
        " get_ipython().Completer.use_jedi, type(here) is str)'))\n"
        'print(run(\'get_ipython().run_line_magic("who_ls", "")\'))',
        tmp_path,
        attributes="{'shell.cache_size': 8, 'shell.timeout': 2, 'history.hist_file': ':memory:', 'kernel.quiet': True}",
    )
    assert stdout.splitlines() == ["[\"([1, 2], 3, 4, 'Plain', 8, False, True)\"]", "['[]']"]
    assert not (tmp_path / "ipython" / "profile_default" / "history.sqlite").exists()


def test_another_profile_is_loaded_by_its_name(tmp_path: Path) -> None:
    profile_file(tmp_path, "startup/1.py", "loaded = 'mine'\n", profile="mine")
    stdout, stderr = python("print(run('loaded'))", tmp_path, attributes="{'kernel.profile': 'mine'}")
    assert (stdout, stderr) == ("[\"'mine'\"]\n", "")


def test_a_profile_is_loaded_by_its_folder_and_outranked_by_the_command_line(tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    (folder / "startup").mkdir(parents=True)
    (folder / "startup" / "1.py").write_text("loaded = 'from the folder'\n")
    (folder / "ipython_config.py").write_text(
        "c.IPCompleter.use_jedi = True\nc.InteractiveShell.cache_size = 7\nc.PlainTextFormatter.max_width = 300\n"
    )
    attributes = {
        "kernel.profile_dir": str(folder),
        "IPCompleter.use_jedi": "False",
        "InteractiveShellApp.exec_lines": ("a = 1", "b = a + 1"),
        "InteractiveShell.cache_size": "8",
        "HistoryManager.enabled": "False",
        "InlineBackend.figure_formats": "svg",
    }
    stdout, stderr = python(
        "print(run('(loaded, b, get_ipython().Completer.use_jedi, get_ipython().cache_size,"
        ' get_ipython().display_formatter.formatters["text/plain"].max_width,'
        " get_ipython().history_manager.enabled)'))\n"
        "assert 'matplotlib' not in sys.modules\n"
        "run('%matplotlib inline')\n"
        "print(run('import matplotlib_inline.config\\n"
        "matplotlib_inline.config.InlineBackend.instance().figure_formats'))",
        tmp_path,
        attributes=repr(attributes),
    )
    assert stdout.splitlines() == ["[\"('from the folder', 2, False, 8, 300, False)\"]", "[\"{'svg'}\"]"]
    assert "left out" not in stderr  # Python's developer mode says other things there
    assert "Traceback" not in stderr
    assert not list(tmp_path.rglob("history.sqlite"))


@pytest.mark.parametrize(
    "attributes", [{"IPCompleter.use_jedy": "False"}, {"IPCompleter.use_jedi": "perhaps"}, {"No.such": "1"}], ids=str
)
def test_a_setting_that_ipython_does_not_have_stops_the_shell(attributes: dict[str, str], tmp_path: Path) -> None:
    _, stderr = python("", tmp_path, attributes=repr(attributes), check=False)
    assert "UsageError: --" + next(iter(attributes)) in stderr


def test_every_configurable_of_a_shell_is_known_before_there_is_a_shell(tmp_path: Path) -> None:
    """`-a` checks names with no shell made; IPython imports much of itself only when a shell needs it."""
    stdout, _ = python(
        "script = 'from async_kernel.ipython import configuration; print(*configuration._configurables())'\n"
        "import subprocess\n"
        "known = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True, check=True).stdout\n"
        "of_the_shell = [\n"
        "    type(each).__name__ for each in interpreter.shell.configurables if type(each).class_traits(config=True)\n"
        "]\n"
        "print(set(of_the_shell) - set(known.split()), len(of_the_shell) > 5)",
        tmp_path,
    )
    assert stdout == "set() True\n"


def test_a_profile_that_is_missing_is_said_and_stops_no_kernel(tmp_path: Path) -> None:
    stdout, stderr = python("print(run('1 + 1'))", tmp_path, attributes="{'kernel.profile': 'none'}")
    assert stdout.splitlines()[-1] == "['2']"
    assert "Profile 'none' not found" in stderr


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ipython_config.py", "this is no Python\n"),
        ("ipython_config.py", "c.InteractiveShell.cache_size = 'many'\n"),
        ("ipython_kernel_config.py", "raise RuntimeError\n"),
        ("startup/1.py", "1/0\n"),
        ("startup/1.py", "import sys; sys.exit(3)\n"),
    ],
)
def test_a_bad_profile_stops_no_kernel(tmp_path: Path, name: str, text: str) -> None:
    profile_file(tmp_path, name, text)
    stdout, stderr = python("print(run('1 + 1'))", tmp_path)
    assert stdout.splitlines()[-1] == "['2']"
    assert stderr or "ZeroDivisionError" in stdout or "SystemExit" in stdout


def test_history_that_cannot_be_written_is_kept_in_memory(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    stdout, _ = python(
        "run('1'); print(interpreter.history({'hist_access_type': 'tail', 'n': 5})['history'])",
        tmp_path,
        attributes=f"{{'history.hist_file': {str(tmp_path / 'folder')!r}}}",
    )
    assert stdout.splitlines()[-1] == "[[1, 1, '1']]"


def test_history_is_there_in_the_next_session(tmp_path: Path) -> None:
    python("run('first_session = 1')", tmp_path)
    stdout, _ = python("print(interpreter.history({'hist_access_type': 'tail', 'n': 5})['history'])", tmp_path)
    assert stdout == "[[1, 1, 'first_session = 1']]\n"


def test_closing_gives_everything_back(tmp_path: Path) -> None:
    stdout, stderr = python(
        "import builtins, threading\n"
        "run('import tempfile; name = get_ipython().mktempfile(\"x = 1\")')\n"
        "name = interpreter.shell.user_ns['name']\n"
        "interpreter.close(True)\n"
        "import os.path\n"
        "for thread in threading.enumerate():\n"
        "    if thread.name == 'preparation': thread.join(20)\n"
        "print(sys.modules['__main__'].__dict__ is globals(), sys.displayhook is sys.__displayhook__,"
        " sys.excepthook is sys.__excepthook__, 'get_ipython' in vars(builtins), 'display' in vars(builtins),"
        " threading.active_count(), os.path.exists(name))\n"
        "interpreter = create_interpreter()\n"
        "print(run('1 + 1'), interpreter.execution_count)",
        tmp_path,
    )
    assert stdout == "True True True False False 1 False\n['2'] 2\n"
    assert stderr == ""


def test_wrong_settings_are_refused(tmp_path: Path) -> None:
    for attributes in ("{'shell.xmode': 'Nonsense'}", "{'shell.no_such_thing': 1}"):
        _, stderr = python("", tmp_path, attributes=attributes, check=False)
        assert "\nasync_kernel.errors.UsageError: " in stderr


def test_importing_the_package_imports_no_ipython() -> None:
    program = "import sys, async_kernel.ipython; print('IPython' in sys.modules, 'traitlets' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "False False\n"


def test_the_names_of_ipykernel_are_lent_and_taken_back(tmp_path: Path) -> None:
    stdout, stderr = python(
        "from async_kernel.namesakes import lend_namesakes\n"
        "argv, kind = sys.argv, type(interpreter.shell)\n"
        "take_back = lend_namesakes('file.json')\n"
        "print(kind.__module__, sys.argv[1:], 'ipykernel.zmqshell' in sys.modules)\n"
        "again = lend_namesakes()\nagain()\n"
        "print(kind.__module__)\n"
        "take_back()\n"
        "print(kind.__module__, sys.argv is argv, [name for name in sys.modules if name.startswith('ipykernel')])",
        tmp_path,
    )
    assert stdout.splitlines() == [
        "ipykernel.zmqshell ['-f', 'file.json'] True",
        "ipykernel.zmqshell",
        "async_kernel.ipython.shell True []",
    ]
    assert stderr == ""


def test_none_is_no_value_of_a_setting(tmp_path: Path) -> None:
    attributes = "{'shell.timeout': None, 'history.hist_file': None}"
    stdout, stderr = python("print(run('get_ipython().timeout'))", tmp_path, attributes=attributes)
    assert (stdout, stderr) == ("['0.0']\n", "")
