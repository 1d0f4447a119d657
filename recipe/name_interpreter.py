"""Makes argv[0] of the installed kernel spec the interpreter of the conda prefix. Run by the recipe's build.

    python name_interpreter.py bin/python

writes `<PREFIX>/bin/python`. conda finds the build prefix in the file and replaces it when the package is installed.
Why: see `script` in recipe.yaml.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def name_interpreter(prefix: Path, python_path: str) -> str:
    """Rewrite `<prefix>/share/jupyter/kernels/async/kernel.json` and return its new argv[0]."""
    spec_file = prefix / "share" / "jupyter" / "kernels" / "async" / "kernel.json"
    spec = json.loads(spec_file.read_text(encoding="utf-8"))
    if spec["argv"][0] != "python":
        raise SystemExit(f"{spec_file}: argv[0] is {spec['argv'][0]!r}, a bare 'python' was expected")
    spec["argv"][0] = f"{prefix.as_posix()}/{python_path}"
    spec_file.write_text(json.dumps(spec, indent=2) + "\n", encoding="utf-8")
    return str(spec["argv"][0])


if __name__ == "__main__":
    print(name_interpreter(Path(os.environ["PREFIX"]), sys.argv[1]))
