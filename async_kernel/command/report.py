"""The report of `async-kernel doctor`: facts and problems, and the sentences in which a person reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from .output import styled

__all__ = ["Problem", "Report", "lines"]

Facts = Mapping[str, Any]

_TITLE_WIDTH = 10


class Problem(NamedTuple):
    """A fault, and the command or the change that mends it."""

    what: str
    mend: str


class Report(NamedTuple):
    """The facts by section, as `doctor --json` prints them, and the problems."""

    facts: dict[str, dict[str, Any]]
    problems: list[Problem]


def lines(report: Report) -> Iterator[str]:
    """The report as lines: a few sentences for each section, then each problem with its remedy."""
    for section, facts in report.facts.items():
        sentences = list(_SECTIONS[section](facts))
        titles = [section.capitalize(), *[""] * (len(sentences) - 1)]
        for title, sentence in zip(titles, sentences, strict=True):
            yield styled(title.ljust(_TITLE_WIDTH), "bold") + sentence if title else " " * _TITLE_WIDTH + sentence
    for problem in report.problems:
        yield styled(f"Problem: {problem.what}", "red")
        yield f"  {problem.mend}"
    if not report.problems:
        yield styled("Everything works.", "green")


def _python(facts: Facts) -> Iterator[str]:
    yield f"{facts['version']} on {facts['platform']}: {facts['executable']}"
    yield f"Environment: {facts['prefix']} ({facts['environment']})"


def _packages(facts: Facts) -> Iterator[str]:
    yield ", ".join(f"{name} {version}" for name, version in facts.items() if version not in {None, "found"}) + "."
    found = [name for name, version in facts.items() if version == "found"]
    absent = [name for name, version in facts.items() if version is None]
    yield f"Also found: {_listed(found)}. Not installed: {_listed(absent)}."


def _spec(facts: Facts) -> Iterator[str]:
    yield f"{facts['name']}, shown as {facts['display_name']!r}: {facts['folder']}"
    owner = f"the environment {facts['owner']}" if facts["owner"] else "the environment whose Jupyter starts it"
    yield f"It starts {'async-kernel' if facts['ours'] else 'another kernel'} in {owner}."
    yield f"Command: {' '.join(facts['argv'])}"
    if facts["hidden"]:
        yield f"Jupyter uses it instead of {_listed(facts['hidden'])}."


def _plan(facts: Facts) -> Iterator[str]:
    if "made by" in facts:
        yield f"Another interpreter runs it. To see its plan, type: {facts['made by']}"
        return
    for name, reason in facts.items():
        value, _, why = reason.partition(": ")
        if value == "none":
            yield f"There is no {name}."
        elif " " in value:  # a sentence already: "trio has one loop"
            yield f"{value.capitalize()}."
        else:
            yield f"The {name} is {value}{f' ({why})' if why else ''}."


def _gateway(facts: Facts) -> Iterator[str]:
    yield f"A gateway starts it ({facts['way']}): Enterprise Gateway, or the provisioner {facts['provisioner']}."
    yield "It was not started here, since only the gateway can start it."


def _kernel(facts: Facts) -> Iterator[str]:
    times = (
        ("ready after", "It was ready after {}"),
        ("one cell", "the first cell took {}"),
        ("shut down after", "the shutdown {}"),
    )
    if "ready after" in facts:
        yield ", ".join(sentence.format(facts[name]) for name, sentence in times if name in facts) + "."
    else:
        yield "It did not become ready."
    if "sys.prefix" in facts:
        yield f"Its cells run in {facts['sys.prefix']}."
        yield "To see what it changes in its process, type: async-kernel doctor --changes"


_SECTIONS = {
    "python": _python,
    "packages": _packages,
    "spec": _spec,
    "plan": _plan,
    "gateway": _gateway,
    "kernel": _kernel,
}


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "nothing"
