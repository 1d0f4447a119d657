"""A wheel from PyPI, as a conda package.

Pure wheels become noarch python packages, binary ones packages of the running platform and Python. Names follow
conda-forge where its name differs from PyPI's, so that a recipe written for conda-forge finds them.
"""

from __future__ import annotations

import configparser
import email
import re
import sys
import zipfile
from email.message import Message
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from tests.conda.package_writer import PLACEHOLDER, Content, Metadata, write_package

__all__ = ["conda_dependency", "conda_name", "convert_wheel"]

CONDA_FORGE_NAMES = {"jupyter-client": "jupyter_client", "jupyter-core": "jupyter_core"}
"""Where conda-forge's name is not the normalised name of PyPI, for the packages that the recipe names."""

LEFT_OUT = ("jedi/third_party/", "tzdata/zoneinfo/")
"""Data that no test here needs: type stubs and time zones are two thirds of all files, and linking files takes time."""

SCRIPT = """#!{python}
import sys
from {module} import {name}
sys.exit({call}())
"""


def conda_name(distribution: str) -> str:
    """conda's name of a distribution, for example "jupyter_client" for "Jupyter.Client"."""
    normalised = canonicalize_name(distribution)
    return CONDA_FORGE_NAMES.get(normalised, normalised)


def conda_dependency(requirement: Requirement) -> str:
    """A requirement in conda's words: `ipython>=9.1` becomes "ipython >=9.1"."""
    return f"{conda_name(requirement.name)} {requirement.specifier}".strip()


def convert_wheel(wheel: Path, channel: Path, subdir: str) -> Path:
    """Write the conda package that holds what the wheel holds; `subdir` is the channel's folder for binary ones."""
    name, version, _build, tags = parse_wheel_filename(wheel.name)
    pure = all(tag.platform == "any" for tag in tags)
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    site_packages = "site-packages" if pure else f"lib/python{python}/site-packages"
    with zipfile.ZipFile(wheel) as archive:
        contents = _contents(archive, site_packages)
        entry_points = _entry_points(archive)
        depends = [conda_dependency(each) for each in _requirements(_metadata(archive))]
    if not pure:
        contents += [_script(entry_point) for entry_point in entry_points]
    metadata = Metadata(
        name=conda_name(name),
        version=str(version),
        subdir="noarch" if pure else subdir,
        depends=["python" if pure else f"python {python}.*", *depends],
        build="pyh_0" if pure else f"py{python.replace('.', '')}_0",
        entry_points=entry_points,
    )
    return write_package(metadata, contents, channel)


def _contents(archive: zipfile.ZipFile, site_packages: str) -> list[Content]:
    contents = []
    for info in archive.infolist():
        if info.is_dir() or info.filename.endswith(".dist-info/RECORD") or info.filename.startswith(LEFT_OUT):
            continue
        data = archive.read(info)
        path = _installed_path(info.filename, site_packages)
        if path.startswith(("bin/", "python-scripts/")):
            data = re.sub(rb"^#!python\w*", f"#!{PLACEHOLDER}/bin/python".encode(), data)
        contents.append(Content(path, data, executable=path.startswith(("bin/", "python-scripts/"))))
        if info.filename.endswith(".dist-info/WHEEL"):
            contents.append(Content(str(Path(path).with_name("INSTALLER")), b"conda"))
    return contents


def _installed_path(member: str, site_packages: str) -> str:
    found = re.match(r"[^/]+\.data/(data|scripts|purelib|platlib|headers)/(.*)", member)
    if found is None:
        return f"{site_packages}/{member}"
    kind, rest = found.groups()
    folders = {
        "data": "",
        "scripts": "python-scripts/" if site_packages == "site-packages" else "bin/",
        "purelib": f"{site_packages}/",
        "platlib": f"{site_packages}/",
        "headers": "include/",
    }
    return folders[kind] + rest


def _dist_info(archive: zipfile.ZipFile, file: str) -> str:
    names = [name for name in archive.namelist() if re.fullmatch(rf"[^/]+\.dist-info/{re.escape(file)}", name)]
    return archive.read(names[0]).decode() if names else ""


def _metadata(archive: zipfile.ZipFile) -> Message:
    return email.message_from_string(_dist_info(archive, "METADATA"))


def _requirements(metadata: Message) -> list[Requirement]:
    """The requirements that hold for the running interpreter with no extra asked for."""
    requirements = [Requirement(text) for text in metadata.get_all("Requires-Dist", [])]
    return [each for each in requirements if each.marker is None or each.marker.evaluate({"extra": ""})]


def _entry_points(archive: zipfile.ZipFile) -> list[str]:
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    parser.optionxform = str  # type: ignore[method-assign, assignment]  # names keep their case
    parser.read_string(_dist_info(archive, "entry_points.txt"))
    if not parser.has_section("console_scripts"):
        return []
    return [f"{name} = {target.split('[')[0].strip()}" for name, target in parser.items("console_scripts")]


def _script(entry_point: str) -> Content:
    command, target = (part.strip() for part in entry_point.split("=", 1))
    module, call = target.split(":")
    text = SCRIPT.format(python=f"{PLACEHOLDER}/bin/python", module=module, name=call.split(".")[0], call=call)
    return Content(f"bin/{command}", text.encode(), executable=True)
