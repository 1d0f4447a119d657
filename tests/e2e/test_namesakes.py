"""How libraries see that they run in a notebook, and what they import from ipykernel to speak to the kernel.

`QUESTIONS` is a table of the former, each as public libraries ask it. A kernel of ipykernel says which answers they
know; ours gives the same, with ipykernel installed and in an environment without it. What is imported is used as the
libraries themselves use it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from tests.environments import site_packages

from .driver import Cell, KernelDriver

QUESTIONS: Mapping[str, str] = MappingProxyType(
    {
        # the shell: fastprogress, plotly, reacton, rich, and scripts everywhere
        "class of the shell": "type(shell).__name__",
        "module of the shell's class": "type(shell).__module__",
        "module of the shell, as some spell it": "shell.__module__",
        "qualified name of the shell's class": "type(shell).__qualname__",
        "repr of the shell's class": "str(type(shell))",
        "whether it is ipykernel's shell": "isinstance(shell, imported('ipykernel.zmqshell').ZMQInteractiveShell)",
        "whether it has a kernel": "getattr(shell, 'kernel', None) is not None",
        "class of the publisher": "(type(shell.display_pub).__module__, type(shell.display_pub).__name__)",
        "class of the display hook": "(type(shell.displayhook).__module__, type(shell.displayhook).__name__)",
        "class that IPython's parents name": "[base.__name__ for base in type(shell).__mro__][:2]",
        # the streams: click, typer, loguru
        "module of stdout's class": "type(sys.stdout).__module__",
        "name of stdout's class": "type(sys.stdout).__name__",
        "class of stderr": "(type(sys.stderr).__module__, type(sys.stderr).__name__)",
        "whether it is ipykernel's stream": "isinstance(sys.stdout, imported('ipykernel').iostream.OutStream)",
        "whether it is a terminal": "sys.stdout.isatty()",
        # sys.modules: tqdm.auto, ipywidgets, and scripts everywhere
        "ipykernel in sys.modules": "'ipykernel' in sys.modules",
        "ipykernel.zmqshell in sys.modules": "'ipykernel.zmqshell' in sys.modules",
        "ipykernel.iostream in sys.modules": "'ipykernel.iostream' in sys.modules",
        "ipykernel.kernelapp in sys.modules": "'ipykernel.kernelapp' in sys.modules",
        "the version, for ipywidgets' shim": "imported('ipykernel').version_info >= (6, 18)",
        "the version, as text": "int(imported('ipykernel').__version__.partition('.')[0])",
        "the protocol's version": "imported('ipykernel').kernel_protocol_version",
        # the config and the connection file: ipynbname, solara, and scripts that look for the notebook's name
        "IPKernelApp in the config": "'IPKernelApp' in shell.config",
        "the connection file in the config": "shell.config['IPKernelApp']['connection_file'] == FILE",
        "the config of the kernel": "shell.kernel.config['IPKernelApp']['connection_file'] == FILE",
        "the config of its parent": "shell.kernel.parent.connection_file == FILE",
        "the connection file": "imported('ipykernel').get_connection_file() == FILE",
        "the connection file by its module": "imported('ipykernel').connect.get_connection_file() == FILE",
        "the connection information": "sorted(imported('ipykernel').get_connection_info(unpack=True))",
        "the key, as jupyter_client takes it": "type(imported('ipykernel').get_connection_info(unpack=True)['key'])",
        "the information as text": "imported('ipykernel').get_connection_info() == open(FILE).read()",
        "the application": "imported('ipykernel').kernelapp.IPKernelApp.initialized()",
        "the application's file": "imported('ipykernel').kernelapp.IPKernelApp.instance().connection_file == FILE",
        "the application's kernel": "imported('ipykernel').kernelapp.IPKernelApp.instance().kernel is shell.kernel",
        # the command line and the environment: pyviz_comms, rich, argument parsers of scripts
        "the name of the program": "os.path.basename(sys.argv[0])",
        "what it was started with": "sys.argv[1:] == ['-f', FILE]",
        "the server's process": "'JPY_PARENT_PID' in os.environ",
        "the notebook's name": "os.environ.get('JPY_SESSION_NAME')",
        "colours": "[os.environ.get(name) for name in ('TERM', 'CLICOLOR', 'CLICOLOR_FORCE', 'FORCE_COLOR')]",
        "the pager": "os.environ.get('PAGER')",
        "matplotlib's backend": "os.environ.get('MPLBACKEND')",
        # the cells: executing, numba, joblib, line_profiler, ipytest
        "the folder of cells": "re.sub(r'\\d+', 'N', (lambda: 0).__code__.co_filename)",
        "the folder by its module": "(lambda: 0).__code__.co_filename.startswith(imported('ipykernel.compiler')"
        ".get_tmp_directory())",
        "a name for other code": "imported('ipykernel.compiler').get_file_name('abc').endswith('.py')",
        "whether there is a file": "'__file__' in globals()",
        # other modules of the package
        "inline plots, by their old name": "imported('ipykernel.pylab.backend_inline').flush_figures.__module__",
        "data for JSON": "imported('ipykernel.jsonutil').json_clean({'a': (1, {2: None})})",
        "what speaks to the kernel": "imported('ipykernel.comm').Comm.__module__",
        "comms of the kernel": "hasattr(shell.kernel.comm_manager, 'register_target')",
    }
)

NAMES = "import os, re, sys; from importlib import import_module as imported; shell = get_ipython()\n"
"""The names that the questions are written with; `FILE` is the connection file."""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the environment without ipykernel is made of links")


@pytest.fixture(scope="session")
def python_without(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python whose environment has all that of the tested kernel has, but ipykernel."""
    environment = tmp_path_factory.mktemp("without") / "environment"
    subprocess.run([python, "-m", "venv", "--without-pip", str(environment)], check=True, timeout=100)
    without = environment / "bin" / "python"
    folder = site_packages(without)
    for entry in site_packages(python).iterdir():
        if not entry.name.startswith("ipykernel") and not (folder / entry.name).exists():
            (folder / entry.name).symlink_to(entry)
    code = "import IPython, importlib.util; print(importlib.util.find_spec('ipykernel'))"
    done = subprocess.run([without, "-c", code], capture_output=True, text=True, timeout=100)
    assert done.stdout == "None\n", done
    return without


@pytest.fixture(scope="module", params=["beside ipykernel", "without ipykernel"])
def kernel(
    request: pytest.FixtureRequest,
    backend: str,
    specs: Mapping[str, str],
    peer: str,
    home: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[KernelDriver]:
    """A kernel of ours in either environment."""
    name = specs[backend]
    if request.param == "without ipykernel":
        if peer:
            pytest.skip("a peer has one environment")
        python: Path = request.getfixturevalue("python_without")
        folder = home / "jupyter" / "kernels"
        spec = json.loads((folder / name / "kernel.json").read_text())
        spec["argv"][0] = str(python)
        name += "-without"
        shutil.copytree(folder / specs[backend], folder / name, dirs_exist_ok=True)
        (folder / name / "kernel.json").write_text(json.dumps(spec))
    driver = KernelDriver(name, backend, tmp_path_factory.mktemp("kernel"))
    driver.expects_stderr = bool(peer)
    driver.launch(env={"JPY_SESSION_NAME": "/notes/first.ipynb"})
    try:
        driver.wait_ready()
        yield driver
    finally:
        driver.close()


def has_ipykernel(kernel: KernelDriver) -> bool:
    return "without" not in str(kernel.manager.kernel_name)


def answers(kernel: KernelDriver) -> dict[str, Any]:
    """What a kernel answers to each question, or the error that it raises."""
    kernel.execute(f"{NAMES}FILE = {kernel.manager.connection_file!r}").ok()
    quietly = "import warnings; warnings.simplefilter('ignore')\n"
    asked = {name: kernel.execute(quietly + code) for name, code in QUESTIONS.items()}
    return {name: cell.result if cell.status == "ok" else cell.reply["evalue"] for name, cell in asked.items()}


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory, home: Path) -> dict[str, Any]:
    """The answers of a kernel of ipykernel."""
    driver = KernelDriver("python3", "asyncio", tmp_path_factory.mktemp("ipykernel"))
    driver.expects_stderr = True
    driver.launch(env={"JPY_SESSION_NAME": "/notes/first.ipynb"})
    try:
        driver.wait_ready()
        return answers(driver)
    finally:
        driver.close()


def test_every_question_gets_the_answer_that_libraries_know(kernel: KernelDriver, known: dict[str, Any]) -> None:
    ours = answers(kernel)
    assert {name: (answer, known[name]) for name, answer in ours.items() if answer != known[name]} == {}


LIBRARIES = """
import click._compat, loguru._colorama, plotly.io, rich.console, sys, tqdm.auto, typer._click._compat
(
    click._compat.should_strip_ansi(sys.stdout), typer._click._compat.should_strip_ansi(sys.stderr),
    loguru._colorama.should_colorize(sys.stdout), plotly.io.renderers.default,
    rich.console.Console().is_jupyter, any("notebook" in base.__module__ for base in tqdm.auto.tqdm.__mro__),
)
"""


def test_libraries_know_the_notebook(kernel: KernelDriver) -> None:
    cell = kernel.execute(LIBRARIES).ok()
    assert cell.result == "(False, False, True, 'plotly_mimetype', True, True)"


# What is imported to speak to the kernel


def opened(cell: Cell) -> list[str]:
    """The targets of the comms that a cell has opened."""
    return [content["target_name"] for content in cell.ok().contents("comm_open")]


BOKEH = """
import bokeh.io, bokeh.plotting
bokeh.io.output_notebook(hide_banner=True)
figure = bokeh.plotting.figure()
circles = figure.scatter([1], [2])
handle = bokeh.io.show(figure, notebook_handle=True)
circles.data_source.data = {"x": [5], "y": [6]}
bokeh.io.push_notebook(handle=handle)
"""


def test_bokeh_pushes(kernel: KernelDriver) -> None:
    cell = kernel.execute(BOKEH).ok()
    assert len(opened(cell)) == 1
    assert cell.contents("comm_msg") != []


def test_the_comms_of_panel_and_holoviews_reach_the_front_end_and_back(kernel: KernelDriver) -> None:
    cell = kernel.execute(
        "import pyviz_comms\nheard = []\nchannel = pyviz_comms.JupyterComm(on_msg=heard.append)\nchannel.send('out')"
    ).ok()
    [content] = cell.contents("comm_msg")
    assert content["data"] == "out"
    kernel.published(kernel.send("comm_msg", {"comm_id": content["comm_id"], "data": {"value": "in"}}))
    assert kernel.value("heard") == [{"value": "in"}]


def test_nbagg_draws_through_a_comm(kernel: KernelDriver) -> None:
    cell = kernel.execute(
        "import matplotlib\nbefore = matplotlib.get_backend()\nmatplotlib.use('nbagg')\n"
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"
    )
    [content] = [each for each in cell.ok().contents("comm_open") if each["target_name"] == "matplotlib"]
    supports, draw = json.dumps({"type": "supports_binary", "value": True}), json.dumps({"type": "draw"})
    kernel.published(kernel.send("comm_msg", {"comm_id": content["comm_id"], "data": supports}))
    asked = kernel.send("comm_msg", {"comm_id": content["comm_id"], "data": draw})
    assert "comm_msg" in [message["msg_type"] for message in kernel.published(asked)]
    kernel.execute("plt.close('all'); matplotlib.use(before)").ok()


def test_a_comm_is_opened_heard_and_closed(kernel: KernelDriver) -> None:
    cell = kernel.execute(
        "from ipykernel.comm import Comm, CommManager\nheard, ended = [], []\n"
        "mine = Comm('shown', {'a': 1}, {'version': 2}, [b'buffer'])\n"
        "mine.on_msg(lambda message: heard.append((message['content']['data'], bytes(message['buffers'][0]))))\n"
        "mine.on_close(ended.append)\nimport comm\n"
        "isinstance(mine, comm.base_comm.BaseComm), mine.comm_id in comm.get_comm_manager().comms, CommManager().comms"
    ).ok()
    assert cell.result == "(True, True, {})"
    [opening] = [message for message in cell.published if message["msg_type"] == "comm_open"]
    assert opening["content"]["data"] == {"a": 1}
    assert opening["metadata"]["version"] == 2
    assert [bytes(buffer) for buffer in opening["buffers"]] == [b"buffer"]
    comm_id = opening["content"]["comm_id"]
    kernel.published(kernel.send("comm_msg", {"comm_id": comm_id, "data": "x"}, buffers=[b"back"]))
    kernel.published(kernel.send("comm_close", {"comm_id": comm_id, "data": {}}))
    assert kernel.value("heard, len(ended)") == ([("x", b"back")], 1)


def test_what_stands_in_for_a_comm_has_what_comms_have(kernel: KernelDriver) -> None:
    """ipywidgets' tests, and those of libraries of widgets, make it after the class."""
    cell = kernel.execute(
        "from ipykernel.comm import Comm, CommManager\nfrom unittest.mock import MagicMock\n"
        "comm, manager = MagicMock(spec=Comm), MagicMock(spec=CommManager)\n"
        "_ = comm.comm_id, comm.primary, comm.target_name, comm.target_module, comm.topic, comm.kernel, comm.send\n"
        "_ = manager.comms, manager.targets, manager.kernel, manager.parent, manager.register_target\n"
        "Comm().target_name"
    ).ok()
    assert cell.result == "'comm'"


def test_a_comm_of_another_kernel_speaks_through_that(kernel: KernelDriver) -> None:
    """panel has kernels of its own, which it sets on the class."""
    cell = kernel.execute(
        "from ipykernel.comm.comm import BaseComm\nsaid = []\n"
        "class Other:\n    iopub_socket = 'its socket'\n    session = property(lambda self: self)\n"
        "    def get_parent(self): return {}\n"
        "    def send(self, stream, msg_type, content, **rest): said.append((stream, msg_type, content['data']))\n"
        "class Elsewhere(BaseComm): kernel = Other()\n"
        "elsewhere = Elsewhere(target_name='t', data={'a': 1}); elsewhere.close()\nsaid"
    ).ok()
    assert cell.result == "[('its socket', 'comm_open', {'a': 1}), ('its socket', 'comm_close', {})]"
    assert opened(cell) == []


MODULES = (
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "ipykernel.embed",
    "ipykernel.kernelbase",
    "ipykernel.inprocess",
    "ipykernel.debugger",
    "ipyparallel",
    "ipyparallel.engine.app",
)


@pytest.mark.parametrize("module", MODULES)
def test_what_is_imported_works_or_says_what_to_use_and_widgets_live_on(kernel: KernelDriver, module: str) -> None:
    slider = "import ipywidgets; slider = ipywidgets.IntSlider(); slider.model_id"
    assert "jupyter.widget" in opened(kernel.execute(slider))
    cell = kernel.execute(f"import {module}")
    if has_ipykernel(kernel) or module in ("ipykernel.kernelapp", "ipykernel.embed", "ipyparallel"):
        cell.ok()
    else:
        assert cell.reply["ename"] in ("ModuleNotFoundError", "ImportError")
        assert "%pip install ipykernel" in cell.reply["evalue"]
    again = kernel.execute(slider)
    assert "jupyter.widget" in opened(again)
    comm_id = again.contents("comm_open")[-1]["comm_id"]
    update = {"method": "update", "state": {"value": 7}}
    kernel.published(kernel.send("comm_msg", {"comm_id": comm_id, "data": update}))
    assert kernel.value("slider.value") == 7


SOLARA = """
import comm, comm.base_comm
before = comm.create_comm
class Comm(comm.base_comm.BaseComm):
    def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
        import ipykernel.kernelbase
        if ipykernel.kernelbase.Kernel.initialized():
            kernel = ipykernel.kernelbase.Kernel.instance()
            content = dict(data=data or {}, comm_id=self.comm_id, **keys)
            kernel.session.send(kernel.iopub_socket, msg_type, content, metadata=metadata or {},
                                parent=kernel.get_parent("shell"), ident=self.topic, buffers=buffers)
comm.create_comm = Comm
import ipywidgets
text = ipywidgets.Text()
comm.create_comm = before
"""


def test_a_comm_that_asks_ipykernel_for_the_running_kernel_finds_ours(kernel: KernelDriver) -> None:
    """As solara's does, which puts it in the place of `comm.create_comm`."""
    if not has_ipykernel(kernel):
        pytest.skip("solara imports ipykernel.kernelbase, which only ipykernel has")
    assert "jupyter.widget" in opened(kernel.execute(SOLARA))
    cell = kernel.execute(
        "from ipykernel.kernelbase import Kernel\nclass Mine(Kernel): implementation = 'mine'\n"
        "Kernel.instance() is get_ipython().kernel, Mine.initialized(), Mine.instance().implementation,"
        " Kernel.instance().implementation"
    ).ok()
    assert cell.result == "(True, False, 'mine', 'mine')"  # its instance is that of its parents, as ever
    kernel.execute("Mine.clear_instance()").ok()
    assert kernel.value("Kernel.instance() is get_ipython().kernel") is True


@pytest.mark.parametrize(
    ("code", "step"),
    [
        ("import ipykernel.embed; ipykernel.embed.embed_kernel()", "embed_kernel"),
        ("import ipykernel.kernelapp; ipykernel.kernelapp.IPKernelApp.launch_instance()", "ipykernel_launcher"),
        ("import ipykernel.kernelapp; ipykernel.kernelapp.launch_new_instance()", "ipykernel_launcher"),
        ("import ipykernel.eventloops; ipykernel.eventloops.enable_gui('tk')", "--host=tk"),
    ],
)
def test_what_cannot_be_says_what_to_use(kernel: KernelDriver, code: str, step: str) -> None:
    cell = kernel.execute(code)
    assert cell.status == "error"
    assert step in cell.reply["evalue"]


def test_another_process_has_the_installed_package(kernel: KernelDriver) -> None:
    code = "import importlib.util; print(importlib.util.find_spec('ipykernel'))"
    cell = kernel.execute(
        f"import subprocess, sys; print(subprocess.check_output([sys.executable, '-c', {code!r}], text=True))"
    )
    assert "namesakes" not in cell.ok().text()
    assert ("ipykernel/__init__.py" in cell.text()) == has_ipykernel(kernel)
    spawned = "import multiprocessing as mp; mp.get_context('spawn').Pool(1).map(str, [1])"
    assert kernel.execute(spawned).ok().result == "['1']"


def test_the_rest_of_a_module_is_that_of_the_installed_one(kernel: KernelDriver) -> None:
    cell = kernel.execute("from ipykernel.iostream import IOPubThread; IOPubThread.__name__")
    if has_ipykernel(kernel):
        assert cell.ok().result == "'IOPubThread'"
    else:
        assert cell.reply["ename"] == "ImportError"
        assert "%pip install ipykernel" in cell.reply["evalue"]
    assert kernel.value("hasattr(__import__('ipykernel').iostream, 'nothing')") is False
