"""Build the site into build/site, with every warning an error.

    python docs/build.py            # needs the extras and the dependency group `docs`
    python docs/build.py --links    # asks for every address elsewhere, too; needs a network

A link to a page or a heading that is not there is a warning. Notebooks are executed by the kernel of this environment,
from specs that are made for the build alone, so nothing is installed and nothing of the user's is read.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs"
SITE = ROOT / "build" / "site"

KERNELS = {"async": (), "async-trio": ("--backend=trio",)}
"""The names that notebooks of the site ask for, and the settings of their kernels."""


def main() -> int:
    """Build; Sphinx's exit status."""
    parser = argparse.ArgumentParser(prog="python docs/build.py", description="Build the site into build/site.")
    parser.add_argument("--links", action="store_true", help="ask for every address elsewhere as well")
    parser.add_argument("--out", type=Path, default=SITE, help="the folder that the site goes to")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        environment = surroundings(Path(home))
        for name, words in KERNELS.items():
            command = [sys.executable, "-m", "async_kernel", "-a", name, f"--folder={home}/kernels", *words]
            subprocess.run(command, check=True, env=environment, capture_output=True)
        for builder in ("html", "linkcheck") if asked.links else ("html",):
            out = asked.out if builder == "html" else asked.out.with_name(f"{asked.out.name}-links")
            if status := sphinx(builder, out, environment):
                return status
    print(f"The site is {asked.out / 'index.html'}.")
    return 0


def sphinx(builder: str, out: Path, environment: dict[str, str]) -> int:
    """Run one builder of Sphinx, from scratch; its exit status."""
    strictly = ["-W", "--keep-going", "--fresh-env", "--quiet"]
    words = [*strictly, "-b", builder, "-d", f"{out}-doctrees", str(PAGES), str(out)]
    return subprocess.call([sys.executable, "-m", "sphinx", *words], cwd=ROOT, env=environment)


def surroundings(home: Path) -> dict[str, str]:
    """The variables of a build: a home of its own, where the specs are and what IPython writes stays."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "IPYTHON"))}
    return {
        **inherited,
        "JUPYTER_PATH": str(home),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "IPYTHONDIR": str(home / "ipython"),
    }


if __name__ == "__main__":
    sys.exit(main())
