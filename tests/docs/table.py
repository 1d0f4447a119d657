"""Commands that the pages show and the tests of the pages do not type: who runs them, or why nobody does."""

from __future__ import annotations

__all__ = ["ELSEWHERE"]

INSTALLS = "tests/e2e/test_install_matrix.py installs in this way"
HUB = "tests/clients/test_jupyterhub.py types the page"

ELSEWHERE = {
    "jupyter lab": "serves until it is stopped; tests/browser/server.py starts it",
    "python3 docs/run_tour.py": "downloads an environment; tests/e2e/test_notebooks.py runs the tour",
    "python3 tests/run.py": "runs these tests",
    ".ci/check": "the check command",
    ".ci/run": "the whole of CI",
    "pytest": "runs these tests",
    "pytest --all": "runs these tests",
    'pip install -e ".[all]" --group check --group test --group docs': "what tests/run.py installs",
    "pytest tests/needs -m needs": "a run of its own, of twenty minutes",
    "pytest tests/chaos -m chaos --seed 7": "a run of its own, of some minutes",
    "git worktree add build/old 8e845b8": "checks out an older version; the page says what was seen with it",
    "python -m venv build/old/env": "behind the line above",
    "pip --python build/old/env install './build/old[all]' --group test --group browser": "behind the line above",
    "python -m tests.drop_in --python=build/old/env/bin/python": "behind the line above",
    "pytest tests/beyond -m beyond": "a run of its own, with environments of its own",
    "pytest tests/suites": "a part of CI, and a run of its own",
    "pytest tests/clients": "a part of CI, and a run of its own",
    "pytest tests/libraries -m libraries": "a run of its own, of many minutes",
    "python docs/build.py": "tests/docs/test_site.py builds the site",
    "async-kernel -f . --kernel_name=async-trio": "serves until it is stopped; tests/command/test_start.py starts it",
    '.venv/bin/pip install ".[uvloop]" jupyterlab': "downloads JupyterLab; " + INSTALLS,
    ".venv/bin/jupyter kernelspec list": "behind the line above",
    "uv venv --allow-existing": INSTALLS,
    'uv pip install ".[uvloop]" jupyterlab': "downloads JupyterLab; " + INSTALLS,
    "uv run --no-sync jupyter kernelspec list": "behind the line above",
    "pipx install .": INSTALLS,
    "uv tool install .": INSTALLS,
    "jupyter console --kernel async": "asks at a terminal; tests/e2e/test_clients.py types into one",
    "jupyter qtconsole --kernel async": "opens a window; tests/clients/test_qtconsole.py drives one",
    "async-kernel -f .": "serves until it is stopped; tests/command/test_start.py starts it",
    "voila --VoilaConfiguration.default_kernel_name=async notebook.ipynb": "tests/clients/test_voila.py starts it",
    "docker build --tag notebooks .": "no Docker engine; tests/e2e/test_namespaces.py has a PID namespace",
    "docker run --init --publish 8888:8888 notebooks": "behind the line above",
    "sudo python3 -m venv /opt/science": HUB,
    'sudo /opt/science/bin/pip install ".[uvloop]"': HUB,
    "sudo /opt/science/bin/async-kernel -a async-science --prefix=/usr/local": HUB,
    "python3 -m venv hub-env": HUB,
    "hub-env/bin/pip install jupyterhub jupyterlab": HUB,
    "npm install --global configurable-http-proxy": HUB,
    "PATH=$PWD/hub-env/bin:$PATH jupyterhub": HUB,
    "python benchmarks/run.py": "a run of its own, of half an hour",
    "python benchmarks/run.py --publish": "the same; tests/docs/test_plot.py has the page written",
    "JUPYTER_DEFAULT_PROVISIONER_NAME=async-warm jupyter lab": (
        "serves until it is stopped; tests/warm/test_life.py starts kernels by this provisioner"
    ),
    "docker build --file deploy/Containerfile --tag registry.example/async-kernel:1 .": (
        "no Docker engine; tests/packaging/test_deploy.py reads the file"
    ),
    "python -m build --sdist": "tests/packaging/test_distributions.py builds it",
    "rattler-build build --recipe recipe/recipe.yaml --variant-config recipe/conda_build_config.yaml": (
        "needs the channels of conda; tests/conda/recipe.py builds the recipe"
    ),
    "python -m pip install --require-hashes -r release/test-environment.txt": (
        "downloads all of it; tests/packaging/test_lock.py holds the file against the metadata"
    ),
    "python -m pip install --no-deps -e .": "changes the environment; " + INSTALLS,
    "python release/release.py 0.2.0 --check": "tests/packaging/test_release.py, on a clone",
    "python release/release.py 0.2.0": "tests/packaging/test_release.py, on a clone",
    "conda install pip": "no conda here; tests/conda/test_environment.py installs the package of the recipe",
    "sudo /opt/science/bin/async-kernel -a async --prefix=/usr/local": (
        "writes into the system; and without sudo it is what tests/kernelspec/test_locations.py writes"
    ),
    'pip wheel --wheel-dir wheels ".[uvloop]"': "downloads; tests/packaging/test_distributions.py builds it",
    'pip install --no-index --find-links wheels "async-kernel[uvloop]"': "behind the line above",
}
"""From a command to the reason."""
