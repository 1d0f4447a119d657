"""The picture of the benchmarks: it is drawn from the results alone, by the command that its module names."""

from __future__ import annotations

import json
import re
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


def test_the_page_shows_both_pictures_and_the_table(tmp_path: Path) -> None:
    kernels = {
        "ipykernel": {"start_info": 400.0, "growth": 500.0},
        "async-uvloop": {"start_info": 100.0, "growth": -20.0},
    }
    machine = {
        "python": "3.11.7", "cores": 2, "system": "Linux", "processor": "", "memory_gb": 4, "load_before": 0,
        "load_after": 1,
    }  # fmt: skip
    results = {
        "medians": kernels, "ratios": {name: {} for name in kernels}, "rounds": 5, "machine": machine, "size": "full",
        "taken": "2026-11-30T12:00:00", "not_measured": {}, "failures": [],
        "kernels": {name: {"versions": {"ipykernel": "7.4.0"}} for name in kernels},
    }  # fmt: skip
    source, page = tmp_path / "results.json", tmp_path / "benchmarks.md"
    source.write_text(json.dumps(results), encoding="utf-8")
    program = f"import json, page, pathlib\npage.publish(json.load(open({str(source)!r})), pathlib.Path({str(page)!r}))"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, cwd=ROOT / "benchmarks")

    text = page.read_text(encoding="utf-8")
    shown = re.findall(r"!\[([^]]+)\]\(([\w.-]+)\)", text)
    assert [name for _, name in shown] == ["benchmarks.svg", "benchmarks-ratios.svg"]
    assert "cold start to kernel_info_reply" in shown[0][0]
    for _, name in shown:
        ElementTree.parse(tmp_path / name)
    assert "| cold start to kernel_info_reply | ms |" in text
    assert "2026-11-30" in text
    assert "python benchmarks/run.py --publish" in text
    assert text.index("benchmarks.svg") < text.index("{include}")
