"""The wheel: the package alone, typed, and as light as it says."""

import subprocess
import sys
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

PROJECT = Path(__file__).parents[1]


def test_the_wheel_has_the_package_its_types_and_its_license(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", tmp_path],
        cwd=PROJECT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("order_import_client-*.whl")
    with ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = (name for name in names if name.endswith("/METADATA"))
        fields = Parser().parsestr(archive.read(metadata).decode())
    assert {name.partition("/")[0] for name in names if "dist-info" not in name} == {
        "order_import_client"
    }
    assert "order_import_client/py.typed" in names
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    required = fields.get_all("Requires-Dist") or []
    assert [name for name in required if "extra ==" not in name] == ["pydantic<3,>=2.12"]
    assert fields.get_all("Provides-Extra") == ["aiokafka"]


def test_the_package_needs_pydantic_alone() -> None:
    """Everything but the Kafka loops is imported without aiokafka and without a driver."""
    source = (
        "import sys\n"
        "for name in ('aiokafka', 'pymongo', 'motor'): sys.modules[name] = None\n"
        "import order_import_client.testing\n"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
