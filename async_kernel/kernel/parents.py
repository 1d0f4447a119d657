"""Requests as libraries written for ipykernel know them: dicts that they keep, and later name as what they speak for.

In ipykernel output belongs to a parent, of which each stream, the displays and the shell have one. Here it belongs to
the request of the context; naming a parent makes its request the one of the calling context.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .request import Parent, Request, adopt, find_request

__all__ = ["NamesParents", "request_for", "speak_for"]


def speak_for(parent: Mapping[str, Any]) -> None:
    """From now on, let what the calling context prints and displays belong to `parent`: a message or its header, for
    example `get_ipython().get_parent()` of another cell, or `{"header": {"msg_id": "..."}}`. An empty one is none: then
    it belongs to the latest cell of the main shell.

    Outside any cell, a parent that is not known by its request has no effect.
    """
    if not parent.get("header", parent):
        adopt(None)
        return
    meant = request_for(parent)
    if meant is not None and meant is not find_request():  # else a thread that follows goes on following
        adopt(meant)


def request_for(parent: Mapping[str, Any]) -> Request | None:
    """The request that `parent` is, a message or its header; None outside any cell if it is not known by that."""
    here = find_request()
    header: Mapping[str, Any] = parent.get("header", parent)
    known = next((each.request for each in (parent, header) if isinstance(each, Parent)), None)
    if known is not None or here is None or header.get("msg_id", "") in ("", here.message.header.msg_id):
        return known or here
    return here.with_header(header)


class NamesParents:
    """The means by which libraries tell ipykernel's streams, displays and shell whose output follows."""

    __slots__ = ()

    @property
    def parent_header(self) -> dict[str, Any]:
        """The header of the request that the calling context works on: `{"msg_id": ...}`; empty outside any. May be
        set: see `speak_for`."""
        request = find_request()
        return {} if request is None else request.header_as_dict()

    @parent_header.setter
    def parent_header(self, header: Mapping[str, Any]) -> None:
        speak_for(header)

    def set_parent(self, parent: Mapping[str, Any]) -> None:
        """Let what the calling context prints and displays from now on belong to `parent`: see `speak_for`."""
        speak_for(parent)
