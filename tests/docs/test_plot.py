"""The picture of the benchmarks: it is drawn from the results alone, by the command that its module names."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from .fences import ROOT

SVG = "{http://www.w3.org/2000/svg}"


def test_a_bar_for_each_kernel_that_gave_a_figure(tmp_path: Path) -> None:
    medians = {
        "ipykernel": {"start_info": 400.0, "prints_rate": 50_000.0},
        "async": {"start_info": 100.0, "prints_rate": 200_000.0, "memory": 60.5},
        "async <trio>": {"start_info": 110.0},
    }
    results = {"medians": medians, "rounds": 5, "machine": {"python": "3.11.7", "cores": 2}}
    source, picture = tmp_path / "results.json", tmp_path / "results.svg"
    source.write_text(json.dumps(results), encoding="utf-8")
    command = [sys.executable, str(ROOT / "benchmarks" / "plot.py"), str(source), str(picture)]
    subprocess.run(command, check=True, timeout=60)

    drawn = ElementTree.parse(picture).getroot()
    bars = drawn.findall(f".//{SVG}g/{SVG}rect")
    assert len(bars) == 3 + 2 + 1
    first, second = (float(bar.attrib["width"]) for bar in bars[:2])
    assert round(first / second, 1) == 4
    words = [str(found.text) for found in drawn.iter(f"{SVG}text")]
    assert {"cold start to kernel_info_reply", "ms, lower is better", "async <trio>", "400.0", "200,000"} <= set(words)
