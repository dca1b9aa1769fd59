"""The notebooks under docs/ run from their first cell to their last in a fresh process, without Jupyter, and hold real outputs."""

import base64
import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
NOTEBOOKS = ROOT / "docs" / "notebooks"
COLAB = "https://colab.research.google.com/github/tljax/tljax/blob/main/docs/notebooks/"

RUNNER = """
import json, sys
values = {"__name__": "__main__"}
with open(sys.argv[1], encoding="utf-8") as file:
    cells = json.load(file)["cells"]
for number, cell in enumerate(cells):
    if cell["cell_type"] == "code":
        lines = [line for line in "".join(cell["source"]).splitlines() if not line.startswith(("%", "!"))]
        exec(compile("\\n".join(lines), f"cell {number}", "exec"), values)
exec(sys.argv[2], values)
"""

CHECKS = {
    "digits_in_a_minute": """
assert source.score > 0.9 and result.metrics["accuracy"] > 0.6
assert [c["problems"] for c in result.certificates] == [[]] and result.certificates[0]["frozen"] == 24_832
assert sorted({(r["strategy"], r["seed"]) for r in rows}) == [(s, seed) for s in ("full", "linear_probe", "scratch") for seed in (0, 1, 2)]
assert all(r["measured_on"] == "test (500 examples)" for r in rows)
""",
    "your_own_images": """
assert result.pretrained.config.labels == photos.classes == ("five", "four", "six", "three")
assert (len(train), len(val), len(test)) == (48, 24, 48) and numbers["accuracy"] > 0.7 and numbers == dict(result.metrics)
assert result.pretrained.predict(paths) == again.predict(paths) and len(paths) == 4
assert pathlib.Path("checkpoint/config.json").is_file() and start.new_head and all(p.startswith("params/head/") for p in start.report.new)
""",
}


def test_every_notebook_is_checked():
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} == set(CHECKS)


@pytest.mark.parametrize("name", CHECKS)
def test_a_notebook_runs(name, tmp_path):
    offline = {"PIP_NO_INDEX": "1", "HF_HUB_OFFLINE": "1"}  # its install cell has nothing to do
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, "-c", RUNNER, str(NOTEBOOKS / f"{name}.ipynb"), CHECKS[name]],
        cwd=tmp_path,
        env=os.environ | offline | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-4000:]


@pytest.mark.parametrize("name", CHECKS)
def test_a_notebook_holds_a_badge_and_the_outputs_of_one_execution(name):
    notebook = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))
    cells = notebook["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert notebook["nbformat"] == 4
    assert f"{COLAB}{name}.ipynb" in "".join(cells[0]["source"])
    assert "find_spec" in "".join(code[0]["source"])
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    images = [base64.b64decode(output["data"]["image/png"]) for output in outputs if "image/png" in output.get("data", {})]
    assert not any(output["output_type"] == "error" for output in outputs)
    assert images and all(image.startswith(b"\x89PNG") and len(image) < 60_000 for image in images)
    assert any(output["output_type"] == "stream" for output in outputs)
