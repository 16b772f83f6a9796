"""The image: the program without the tools for one machine."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def image_packages() -> list[str]:
    """The packages that the Dockerfile copies."""
    return re.findall(r"^COPY (\w+)/ /app/\1/$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


def context_rules() -> list[str]:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the image has in /app."""
    app = tmp_path_factory.mktemp("app")
    left_out = {ROOT / rule for rule in context_rules() if "*" not in rule and rule[0] != "!"}

    def ignored(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if Path(folder, name) in left_out or name == "__pycache__"]

    for package in image_packages():
        shutil.copytree(ROOT / package, app / package, ignore=ignored)
    return app


def run(image: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=image,
        env=os.environ | {"PYTHONPATH": str(image), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_image_has_the_packages_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert sorted(image_packages()) == sorted(wheel["packages"])
    assert wheel["exclude"] == ["order_import/devtools"]
    assert {f"!{package}" for package in image_packages()} <= {*context_rules()}


def test_the_image_has_no_tools_and_its_commands_do_without_them(image: Path) -> None:
    assert not (image / "order_import" / "devtools").exists()
    assert run(image, "-m", "order_import", "worker", "--help").returncode == 0
    assert "No such command 'up'" in run(image, "-m", "order_import", "up").stderr


def test_every_module_of_the_image_is_imported_without_the_tools(image: Path) -> None:
    modules = [
        ".".join(path.relative_to(image).with_suffix("").parts)
        for path in sorted(image.rglob("*.py"))
        if path.stem not in {"__init__", "__main__"}
    ]
    lines = [*(f"import {module}" for module in modules), "print(models.keys.__file__)"]
    done = run(image, "-c", "\n".join(lines))
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == str(image / "models" / "keys.py")
