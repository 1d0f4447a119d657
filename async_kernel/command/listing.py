"""`async-kernel list`: the specs that Jupyter sees, in its order."""

from __future__ import annotations

from async_kernel.kernelspec.listing import Found, find_all, settings_or_none
from async_kernel.kernelspec.surroundings import Surroundings

from .output import columns, styled
from .readiness import hindrance

__all__ = ["run"]


def run(json: bool) -> int:
    """Print the specs and return 0. As JSON it is a list of objects, in Jupyter's search order."""
    here = Surroundings.here()
    found, advice = [], {}
    for one in find_all(here):
        error = hindrance(one, here)
        if error is not None:
            one = one._replace(problem=error.message.rstrip("."))
            advice[one.folder] = error.next_step
        found.append(one)
    if json:
        from json import dumps

        print(dumps([{**one.as_dict(), "next_step": advice.get(one.folder, "")} for one in found], indent=2))
        return 0
    if not found:
        print("Jupyter finds no kernel spec. `async-kernel -a async` writes one.")
        return 0
    rows = [("NAME", "BACKEND", "HOST", "STATE", "FOLDER"), *(_row(one, found) for one in found)]
    styles = ["bold", *("red" if one.problem else "dim" if not one.wins else "" for one in found)]
    print("\n".join(columns(rows, styles)))
    for one in found:
        if advice.get(one.folder):
            print(styled(f"\n{one.name} ({one.problem}): {advice[one.folder]}", "yellow"))
    if any(one.dead for one in found):
        print(styled("\n`async-kernel prune` removes the kernel specs whose interpreter is gone.", "yellow"))
    return 0


def _row(one: Found, found: list[Found]) -> tuple[str, str, str, str, str]:
    settings = settings_or_none(one)
    way = settings.attributes.get("gateway.way") if settings else None
    state = one.problem or (f"ready for a gateway ({way})" if way else "ready")
    if one.dead:
        state = f"dead: {state}"
    if not one.wins:
        winner = next(other for other in found if other.wins and other.name == one.name)
        state += f", hidden by {winner.folder.parent}"
    backend = settings.backend if settings else "" if one.ours else "(not ours)"
    return one.name, backend, (settings.host or "") if settings else "", state, str(one.folder)
