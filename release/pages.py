"""Write what is derived from the table of options: the man page, and the table in the reference of the command line.

    python release/pages.py

The tests say when it is to be run.
"""

from __future__ import annotations

import re
from pathlib import Path

from async_kernel.settings.manual import man_page, options_table

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Write both."""
    (ROOT / "share" / "man" / "man1" / "async-kernel.1").write_text(man_page(), encoding="utf-8")
    page = ROOT / "docs" / "reference" / "command-line.md"
    text = page.read_text(encoding="utf-8")
    page.write_text(
        re.sub(r"(?<=<!-- options -->\n\n).*?(?=\n\n<!-- end -->)", lambda _: options_table(), text, flags=re.S),
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
