"""The bill of materials has exactly what the worker's lock has."""

import json
import re
from pathlib import Path

from order_import import __version__
from tests.deploy.sbom import LOCK, write_sbom


def test_the_bill_of_materials_is_of_the_lock(tmp_path: Path) -> None:
    write_sbom(tmp_path / "sbom.json")
    sbom = json.loads((tmp_path / "sbom.json").read_text(encoding="utf-8"))
    assert (sbom["bomFormat"], sbom["specVersion"]) == ("CycloneDX", "1.6")
    described = sbom["metadata"]["component"]
    assert (described["name"], described["version"]) == ("amazon-order-import", __version__)
    lock = LOCK.read_text(encoding="utf-8")
    blocks = re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE)[1:]
    locked = {
        (match[1], match[2]): set(re.findall(r"sha256:([0-9a-f]{64})", block))
        for block in blocks
        if (match := re.match(r"([\w.-]+)==([^ ]+)", block))
    }
    assert len(locked) == len(blocks) > 30
    components = {
        (component["name"], component["version"]): {
            digest["content"]
            for reference in component["externalReferences"]
            for digest in reference["hashes"]
        }
        for component in sbom["components"]
    }
    assert components == locked
