"""The table of options: consistent in itself, and equal to what IPython and the documentation say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from async_kernel.settings import Settings, Start, parse
from async_kernel.settings.manual import help_text, man_page, options_table, summary
from async_kernel.settings.options import OPTIONS, Option
from async_kernel.settings.values import read, write

SHELL = [option for option in OPTIONS if option.name.startswith("shell.") and option.name != "shell.timeout"]
NOT_OFFERED = {
    "ast_transformers",  # live objects
    "autoindent",  # a terminal's
    "inspector_class",
    "ipython_dir",  # IPYTHONDIR says it before the shell is made
    "loop_runner",  # the backend's
    "quiet",  # silences the shell altogether; --quiet is the kernel's
    "separate_in",  # a terminal's prompts
    "separate_out",
    "separate_out2",
}
KINDS = {"Bool": "flag", "Int": "integer", "Unicode": "string", "Enum": "choice", "CaselessStrEnum": "choice"}


def test_no_two_options_share_a_spelling() -> None:
    spelled = [name for option in OPTIONS for name in option.spelled]
    assert len(spelled) == len(set(spelled))
    short = [option.short for option in OPTIONS if option.short]
    assert len(short) == len(set(short))


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_a_default_is_a_value_of_its_option(option: Option) -> None:
    if option.default is not None and option.kind != "text":
        text = write(option.kind, option.default)
        assert read(option.kind, text, option.choices, option.optional) == option.default


def test_defaults_of_the_table_are_those_of_the_settings() -> None:
    for option in OPTIONS:
        if option.name in Settings._field_defaults and option.kind != "mapping":
            assert Settings._field_defaults[option.name] == option.default, option.name


@pytest.fixture(scope="module")
def traits() -> dict[str, Any]:
    from IPython.core.interactiveshell import InteractiveShell

    return dict(InteractiveShell.class_traits(config=True))


@pytest.mark.parametrize("option", SHELL, ids=lambda option: option.name)
def test_a_shell_setting_is_what_ipython_says(option: Option, traits: dict[str, Any]) -> None:
    trait = traits[option.name.removeprefix("shell.")]
    assert KINDS[type(trait).__name__] == option.kind
    if option.kind == "choice":
        assert set(trait.values) <= set(option.choices)  # older ones have fewer: xmode=Docs came after 9.1
    if not option.name.startswith("shell.banner"):
        assert trait.default_value == option.default


def test_every_shell_setting_of_ipython_9_1_is_offered(traits: dict[str, Any]) -> None:
    """A later IPython may have more; every one of 9.1 is either in the table or above, with its reason."""
    offered = {option.name.removeprefix("shell.") for option in SHELL}
    assert len(offered | NOT_OFFERED) == 33  # the configurable traits of IPython 9.1
    assert offered | NOT_OFFERED <= set(traits)


def test_help_names_every_option() -> None:
    text = help_text()
    for option in OPTIONS:
        assert f"--{option.name.removeprefix('kernel.')}" in text
    assert all(len(line) <= 160 for line in text.splitlines())


def test_the_first_help_fits_on_one_screen() -> None:
    lines = summary().splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert len([line for line in lines if line.startswith("  async-kernel ")]) == 3


def test_the_man_page_is_that_of_the_table() -> None:
    """`python release/pages.py` writes it."""
    page = Path(__file__).parents[2] / "share" / "man" / "man1" / "async-kernel.1"
    assert page.read_text(encoding="utf-8") == man_page()
    for option in OPTIONS:
        assert f"\\-\\-{option.name.removeprefix('kernel.')}" in man_page()


def test_the_documentation_holds_the_table() -> None:
    """`python release/pages.py` writes it."""
    page = Path(__file__).parents[2] / "docs" / "reference" / "command-line.md"
    assert options_table() in page.read_text(encoding="utf-8")


def test_every_flag_can_be_negated() -> None:
    for option in OPTIONS:
        if option.kind == "flag" and "start" in option.commands:
            command = parse(["-f", ".", f"--no-{option.name}"])
            assert isinstance(command, Start)
            assert command.settings.attributes == {option.name: False}
