"""argv in, commands out; every mistake refused with what would have been right."""

from __future__ import annotations

from typing import Any

import pytest

from async_kernel.errors import UsageError
from async_kernel.settings import (
    Add,
    Completion,
    Doctor,
    Help,
    List,
    Place,
    Prune,
    Remove,
    Settings,
    Start,
    Version,
    merge,
    parse,
    render,
)


def started(*words: str) -> Settings:
    command = parse(["-f", "c.json", *words])
    assert isinstance(command, Start)
    return command.settings


def warm(standbys: int) -> dict[str, object]:
    """The metadata of a spec whose kernels start warm."""
    return {"kernel_provisioner": {"provisioner_name": "async-warm", "config": {"standbys": standbys}}}


def added(*words: str) -> Add:
    command = parse(["-a", "x", *words])
    assert isinstance(command, Add)
    return command


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        # The reference's table of slips, and its own examples
        (["--loop=tk"], "host", "tk"),
        (["--interface.host=tk"], "host", "tk"),
        (["--kernel.interface.host=qt"], "host", "qt"),
        (["--interface.loop=qt"], "host", "qt"),
        (["--interface.backend=trio"], "backend", "trio"),
        (["--backend", "trio"], "backend", "trio"),
        (["--backend=TRIO"], "backend", "trio"),
        (["--host=None"], "host", None),
        (["--interface.host_options={'use_uvloop':False}"], "host_options", {"use_uvloop": False}),
        (["--interface.host-options={'module':'PySide2'}"], "host_options", {"module": "PySide2"}),
        (["--no=quiet"], "attributes", {"kernel.quiet": False}),
        (["--no-quiet"], "attributes", {"kernel.quiet": False}),
        (["--no_quiet"], "attributes", {"kernel.quiet": False}),
        (["--no-kernel.quiet"], "attributes", {"kernel.quiet": False}),
        (["--quiet"], "attributes", {"kernel.quiet": True}),
        (["--quiet=False"], "attributes", {"kernel.quiet": False}),
        (["--kernel.quiet=True"], "attributes", {"kernel.quiet": True}),
        (["--shell.timeout=0.1"], "attributes", {"shell.timeout": 0.1}),
        (["--kernel.shell.timeout=3"], "attributes", {"shell.timeout": 3.0}),
        (["--shell.timeout=None"], "attributes", {"shell.timeout": None}),
        (["--display_name=True"], "display_name", "True"),
        (["--display-name=My kernel = mine"], "display_name", "My kernel = mine"),
        (["--start_interface=my_module.my_interface_factory"], "start_interface", "my_module.my_interface_factory"),
        (["--kernel_name=async-trio-custom"], "backend", "trio"),
        (["--kernel_name=async_TRIO.x"], "backend", "trio"),
        (["--kernel_name=triomphe"], "backend", "asyncio"),
        (["--kernel_name=a-trio", "--backend=asyncio"], "backend", "asyncio"),
        # What bash leaves of a dict that is not quoted
        (["--host_options={module:PySide2}"], "host_options", {"module": "PySide2"}),
        (["--backend_options=a:1", "--backend_options=b:[1,2]"], "backend_options", {"a": 1, "b": [1, 2]}),
        (["--backend_options={'f':open('/etc/passwd')}"], "backend_options", {"f": "open('/etc/passwd')"}),
        (["--host_options={title:it's, what:(a)}"], "host_options", {"title": "it's", "what": "(a)"}),
        (["--host_options={'a': '{', 'b': ']'}"], "host_options", {"a": "{", "b": "]"}),
        # nbclient adds this to a kernel that is named python3
        (["--HistoryManager.hist_file=:memory:"], "attributes", {"history.hist_file": ":memory:"}),
        # IPython's own settings stay text: IPython reads them
        (["--IPCompleter.use_jedi=False"], "attributes", {"IPCompleter.use_jedi": "False"}),
        (["--IPCompleter.use_jedi", "False"], "attributes", {"IPCompleter.use_jedi": "False"}),
        (["--no-IPCompleter.use_jedi"], "attributes", {"IPCompleter.use_jedi": "False"}),
        (["--no=IPCompleter.use_jedi"], "attributes", {"IPCompleter.use_jedi": "False"}),
        (["--IPCompleter.use_jedi", "--quiet"], "attributes", {"IPCompleter.use_jedi": "True", "kernel.quiet": True}),
        (
            ["--InteractiveShellApp.exec_lines=a = 1", "--InteractiveShellApp.exec_lines=b"],
            "attributes",
            {"InteractiveShellApp.exec_lines": ("a = 1", "b")},
        ),
        (["--profile-dir", "~/mine"], "attributes", {"kernel.profile_dir": "~/mine"}),
        (["--shell.separate=x"], None, None),
        (["--shell.xmode=verbose"], "attributes", {"shell.xmode": "Verbose"}),
        (["--shell.autocall=1"], "attributes", {"shell.autocall": 1}),
        (["--shell.banner1='a\\n'"], "attributes", {"shell.banner1": "a\n"}),
        # The last word wins
        (["--host=tk", "--host=qt"], "host", "qt"),
    ],
)
def test_a_setting(words: list[str], field: str | None, value: object) -> None:
    if field is None:
        with pytest.raises(UsageError):
            started(*words)
    else:
        assert getattr(started(*words), field) == value
        if not words[0].startswith("--kernel_name"):  # a spec's name is said by -a
            assert getattr(added(*words).settings, field) == value


def test_a_name_with_trio_selects_the_backend_of_a_spec_too() -> None:
    command = parse(["-a", "async-trio"])
    assert isinstance(command, Add)
    assert command.settings.backend == "trio"


@pytest.mark.parametrize(
    ("argv", "command"),
    [
        ([], Help()),
        (["-h"], Help()),
        (["--help"], Help()),
        (["--help-all"], Help(everything=True)),
        (["doctor", "-h"], Help()),
        (["doctor", "--help-all"], Help(everything=True)),
        (["-a", "x", "-h"], Help()),
        (["list", "--help"], Help()),
        (["-V"], Version()),
        (["--version"], Version()),
        (["-r", "a,b", "--remove=c"], Remove(("a", "b", "c"))),
        (["-r", "a", "--user", "--force", "--dry-run"], Remove(("a",), Place("user"), True, True)),
        (["list"], List()),
        (["list", "--json"], List(True)),
        (["doctor"], Doctor()),
        (["doctor", "async-trio", "--json"], Doctor("async-trio", True)),
        (["doctor", "--changes"], Doctor(changes=True)),
        (["prune", "--yes"], Prune(True)),
        (["prune", "-y", "--force", "--dry_run"], Prune(True, True, True)),
        (["uninstall", "a", "b,c"], Remove(("a", "b", "c"))),
        (["uninstall"], Remove(("async",))),
        (["completion", "fish"], Completion("fish")),
    ],
)
def test_a_command(argv: list[str], command: object) -> None:
    assert parse(argv) == command


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        (["--prefix=/opt/x"], "place", Place("prefix", "/opt/x")),
        (["--folder=~/k"], "place", Place("folder", "~/k")),
        (["--path=~/k"], "place", Place("folder", "~/k")),
        (["--path", "~/k"], "place", Place("folder", "~/k")),
        (["--user"], "place", Place("user")),
        (["--sys-prefix"], "place", Place()),
        (["--fullpath"], "fullpath", True),
        (["--fullpath=False"], "fullpath", False),
        (["--no-fullpath"], "fullpath", False),
        ([], "fullpath", None),
        (["--env=A=b=c", "--env", "D=True"], "env", {"A": "b=c", "D": "True"}),
        (["--metadata={'a': [1, None]}"], "metadata", {"a": [1, None]}),
        (
            ["--metadata={'a': 1}", "--provisioner=far", "--provisioner_options={'hosts': 2}"],
            "metadata",
            {"a": 1, "kernel_provisioner": {"provisioner_name": "far", "config": {"hosts": 2}}},
        ),
        (["--provisioner=far"], "metadata", {"kernel_provisioner": {"provisioner_name": "far", "config": {}}}),
        (["--warm"], "metadata", warm(1)),
        (["--warm=3"], "metadata", warm(3)),
        (["--warm=3", "--warm=0"], "metadata", {}),
        (["--warm", "--provisioner=async-warm"], "metadata", warm(1)),
        (["--replace"], "replace", True),
        (["--force"], "force", True),
        (["--dry-run"], "dry_run", True),
    ],
)
def test_how_a_spec_is_written(words: list[str], field: str, value: object) -> None:
    assert getattr(added(*words), field) == value


def test_install_takes_the_options_of_other_kernels() -> None:
    words = ["install", "--user", "--name", "mine", "--display-name", "Mine", "--env", "A", "b", "--env", "C=d"]
    command = parse(words)
    assert isinstance(command, Add)
    assert (command.settings.kernel_name, command.settings.display_name) == ("mine", "Mine")
    assert command.place == Place("user")
    assert command.env == {"A": "b", "C": "d"}
    default = parse(["install", "--sys-prefix"])
    assert isinstance(default, Add)
    assert default.settings.kernel_name == "async"


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["-a", "x", "--bakend=trio"], "Did you mean --backend?"),
        (["-a", "x", "--backend=tiro"], "Did you mean --backend=trio?"),
        (["-a", "x", "--shell.timout=1"], "Did you mean --shell.timeout?"),
        (["-a", "x", "--timeout=1"], "Did you mean --shell.timeout?"),
        (["-f", ".", "--no-quite"], "Did you mean --quiet?"),
        (["-x"], "Unknown option -x"),
        (["lst"], "Did you mean list?"),
        (["-a"], "-a needs a value"),
        (["-a", "x", "--prefix"], "--prefix needs a value"),
        (["-a", "x", "--prefix="], "--prefix needs a folder"),
        (["-a", "x", "-r", "y"], "cannot be combined"),
        (["-a", "x", "-f", "."], "cannot be combined"),
        (["-a", "x", "--user", "--prefix=/x"], "name different folders"),
        (["-a", "x", "--kernel_name=y"], "two names, 'x' and 'y'"),
        (["-f", ".", "--fullpath"], "cannot be used with -f"),
        (["-r", "x", "--backend=trio"], "cannot be used with -r"),
        (["-r", ","], "separated by commas"),
        (["-a", "x", "--provisioner_options={'hosts': 2}"], "Add --provisioner=NAME"),
        (["-f", ".", "--provisioner=far"], "cannot be used with -f"),
        (["-f", ".", "--quiet", "False"], "Write --quiet=False"),
        (["-f", ".", "--quiet=maybe"], "True or False"),
        (["-f", ".", "--shell.timeout=soon"], "a number"),
        (["-f", ".", "--shell.timeout=nan"], "a finite number"),
        (["-f", ".", "--shell.cache_size=1.5"], "a whole number"),
        (["-f", ".", "--host_options=3"], "a dict literal"),
        (["-f", ".", "--host_options={1: 2}"], "a dict literal"),
        *(
            ([command, "x", f"{option}={text}"], "a dict literal")
            for command in ("-a", "-f")
            for option in ("--backend_options", "--host_options", "--metadata")
            if (command, option) != ("-f", "--metadata")
            for text in (
                "{'use_uvloop':",
                "{'use_uvloop'}",
                "{'a': [1, 2}",
                "{'a': 'b}",
                "{a:b",
                "a:b}",
                "a:[1",
                "a:",
                "{'a",
            )
        ),
        (["-f", ".", "--loop=uvloop"], "use_uvloop"),
        (["-f", ".", "--no-backend"], "is not a flag"),
        (["-f", ".", "--no-quiet=True"], "takes no value"),
        (["-f", ".", "--no"], "needs the name"),
        (["-f", ".", "script.py"], "is neither a command nor an option"),
        (["-a", "x", "--env=A"], "NAME=VALUE"),
        (["--backend=trio"], "has no command"),
        (["completion", "tcsh"], "Use one of bash"),
        (["list", "x"], "'x' is neither a command nor an option"),
        (["list", "--yes"], "cannot be used with list"),
        (["-a", "x", "--warm", "--provisioner=far"], "--warm uses the provisioner async-warm"),
        (["-a", "x", "--warm=-1"], "--warm takes a whole number, 0 or more"),
        (["-f", "x", "--warm"], "--warm cannot be used with -f"),
    ],
)
def test_a_mistake_is_refused_with_what_would_be_right(argv: list[str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(argv)
    assert said in str(caught.value)
    assert caught.value.exit_status == 2
    assert caught.value.next_step


def test_a_start_by_a_client_ignores_what_jupyter_run_adds() -> None:
    """`jupyter run a.py` starts the kernel with the names of the scripts behind its argv."""
    assert started("a.py", "b.py") == started()


def test_nothing_that_is_typed_is_run(tmp_path: Any) -> None:
    trap = tmp_path / "trap"
    for word in ("display_name", "host_options", "shell.banner1"):
        code = f"__import__('pathlib').Path({str(trap)!r}).touch()"
        started(f"--{word}={{'a': {code}}}")
    assert not trap.exists()


def test_sources_say_which_word_set_what_and_do_not_count_in_comparison() -> None:
    long, short = started("--interface.backend=trio"), started("--backend=trio")
    assert (long.sources["backend"], short.sources["backend"]) == ("--interface.backend", "--backend")
    assert long == short
    assert long != started()


def test_settings_cannot_be_changed_by_accident() -> None:
    settings = started("--quiet", "--host_options={'a': 1}")
    for mapping in (settings.attributes, settings.host_options, settings.sources, Settings().attributes):
        with pytest.raises(TypeError):
            mapping["a"] = 2  # type: ignore[index]  # that is the test


def test_the_command_line_wins_over_the_spec_name_by_name() -> None:
    spec = started(
        "--backend=trio", "--host=qt", "--host_options={'module': 'PySide2'}", "--quiet=False", "--shell.pdb"
    )
    given = started("--backend=asyncio", "--host_options={'x': 1}", "--shell.pdb=False", "--kernel_name=mine")
    merged = merge(spec._replace(display_name="Shown"), given)
    assert merged == Settings(
        connection_file="c.json",
        kernel_name="mine",
        display_name="Shown",
        backend="asyncio",
        host="qt",
        host_options={"module": "PySide2", "x": 1},
        attributes={"kernel.quiet": False, "shell.pdb": False},
    )


def test_a_backend_guessed_from_the_name_gives_way_to_the_spec() -> None:
    assert merge(started("--backend=asyncio"), started("--kernel_name=not-trio")).backend == "asyncio"


def test_a_rendered_argv_is_the_references() -> None:
    settings = Settings("{connection_file}", backend="trio", host="tk", attributes={"kernel.quiet": False})
    assert render(settings) == [
        "-f",
        "{connection_file}",
        "--start_interface=async_kernel.interface.start_kernel_zmq_interface",
        "--kernel_name=async",
        "--backend=trio",
        "--host=tk",
        "--quiet=False",
    ]
