"""A word to whoever runs code of asyncio in a kernel on trio: the errors of the two libraries name no way out."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["point_to_asyncio"]

_SIGNS = ((RuntimeError, "no running event loop"), (TypeError, "trio.run received unrecognized yield message"))
"""What asyncio says where none of its loops runs, and trio where an awaitable is not its own."""

NOTE = (
    "This kernel runs trio, and this code is for asyncio. `%autoawait asyncio` has cells run on asyncio from now on;\n"
    "`Caller.get('io', backend='asyncio')` is a loop of asyncio; `Pending.of(future)` awaits a future on trio."
)


def point_to_asyncio(error: BaseException) -> None:
    """Add a note to an error of a cell that comes of code for asyncio, if the loop of the cell is trio's."""
    from async_kernel.concurrency.calls import library_here

    if library_here() == "trio" and any(map(_is_sign, _chain(error))) and NOTE not in getattr(error, "__notes__", ()):
        error.add_note(NOTE)


def _is_sign(error: BaseException) -> bool:
    return any(type(error) is kind and str(error).startswith(text) for kind, text in _SIGNS)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and those that led to it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
