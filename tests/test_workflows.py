"""The workflows run scripts that are here, on the oldest and the newest Python that the package names."""

import pathlib
import re
import tomllib

import pytest
import yaml

ROOT = pathlib.Path(__file__).parents[1]
WORKFLOWS = ROOT / ".github" / "workflows"


def jobs(name):
    return yaml.safe_load((WORKFLOWS / f"{name}.yml").read_text(encoding="utf-8"))["jobs"]


def commands(name):
    """The commands of all jobs of a workflow."""
    return [step["run"] for job in jobs(name).values() for step in job["steps"] if "run" in step]


def test_the_tests_run_ci_s_command_on_the_oldest_and_the_newest_python():
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["classifiers"]
    named = [match[1] for text in classifiers if (match := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", text))]
    for job in jobs("tests").values():
        assert job["strategy"]["matrix"]["python"] == [named[0], named[-1]]
    assert commands("tests") == ["bash .ci/run", "bash launch/wheel.sh dist"]


@pytest.mark.parametrize("name", ["tests", "docs"])
def test_every_script_is_here(name):
    scripts = [command.split()[1] for command in commands(name) if command.startswith("bash ")]
    assert scripts and all((ROOT / script).is_file() for script in scripts)


def test_the_site_is_published_from_main_alone():
    (job,) = jobs("docs").values()
    assert job["if"] == "github.ref == 'refs/heads/main'"
    assert [step["uses"].partition("@")[0] for step in job["steps"] if "uses" in step][-1] == "actions/deploy-pages"


def test_the_bug_report_is_a_form():
    form = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / "bug_report.yml").read_text(encoding="utf-8"))
    assert {"name", "description", "body"} <= set(form)
    identifiers = [field["id"] for field in form["body"] if field["type"] != "markdown"]
    assert len(set(identifiers)) == len(identifiers) >= 3
