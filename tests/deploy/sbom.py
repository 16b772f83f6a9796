"""Write the bill of materials of the worker's lock: `python -m tests.deploy.sbom`."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements" / "worker.txt"
SBOM = ROOT / "dist" / "sbom.json"


def write_sbom(output: Path) -> None:
    """Write it, the same for the same lock, and checked against CycloneDX's own schema."""
    subprocess.run(
        [
            *(sys.executable, "-m", "cyclonedx_py", "requirements", str(LOCK)),
            *("--pyproject", str(ROOT / "pyproject.toml"), "--mc-type", "application"),
            *("--spec-version", "1.6", "--output-format", "JSON", "--output-reproducible"),
            *("--validate", "--output-file", str(output)),
        ],
        check=True,
        cwd=ROOT,
    )


if __name__ == "__main__":
    SBOM.parent.mkdir(exist_ok=True)
    write_sbom(SBOM)
