"""Settings written to argv and parsed back are the same settings, whatever they hold."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from async_kernel.errors import UsageError
from async_kernel.settings import Settings, Start, parse, render
from async_kernel.settings.options import OPTIONS, Option
from async_kernel.settings.values import literal, read, write

TEXT = st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
LITERALS = st.recursive(
    st.none() | st.booleans() | st.integers() | NUMBERS | TEXT | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3) | st.tuples(inner, inner),
    max_leaves=6,
)
MAPPINGS = st.dictionaries(TEXT, LITERALS, max_size=3)


def values(option: Option) -> st.SearchStrategy[Any]:
    by_kind = {"flag": st.booleans(), "integer": st.integers(), "number": NUMBERS, "string": TEXT}
    strategy: st.SearchStrategy[Any] = by_kind.get(option.kind, st.sampled_from(option.choices))
    return st.none() | strategy if option.optional else strategy


TRAITS = st.dictionaries(
    st.from_regex(r"[A-Z][A-Za-z]{0,9}\.[a-z_]{1,9}", fullmatch=True).filter(lambda name: name.isascii()),
    TEXT | st.lists(TEXT, min_size=2, max_size=3).map(tuple),
    max_size=2,
)
ATTRIBUTES = st.builds(
    lambda ours, traits: {**ours, **traits},
    st.fixed_dictionaries({}, optional={o.name: values(o) for o in OPTIONS if "." in o.name}),
    TRAITS,
)
SETTINGS = st.builds(
    Settings,
    connection_file=st.just("{connection_file}") | st.just(".") | TEXT.filter(lambda text: not text.startswith("-")),
    kernel_name=st.from_regex(r"[a-z0-9][a-z0-9._-]{0,10}", fullmatch=True),
    display_name=TEXT,
    start_interface=TEXT.filter(bool),
    backend=st.sampled_from(["asyncio", "trio"]),
    backend_options=MAPPINGS,
    host=st.sampled_from([None, "tk", "qt"]),
    host_options=MAPPINGS,
    attributes=ATTRIBUTES,
)


@given(SETTINGS)
def test_what_is_rendered_is_parsed_back(settings: Settings) -> None:
    assert parse(render(settings)) == Start(settings)


@given(st.sampled_from([o for o in OPTIONS if "." in o.name]), st.data())
def test_every_attribute_is_read_as_it_is_written(option: Option, data: st.DataObject) -> None:
    value = data.draw(values(option))
    assert read(option.kind, write(option.kind, value), option.choices, option.optional) == value


@given(TEXT)
def test_what_is_no_literal_stays_text(text: str) -> None:
    value = literal(text)
    assert value == text or literal(repr(value)) == value


@given(st.lists(TEXT, max_size=5))
def test_any_argv_is_understood_or_refused(argv: list[str]) -> None:
    with suppress(UsageError):  # and no other exception
        parse(argv)
