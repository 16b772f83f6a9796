"""What the tests of `deploy/` need of this machine; `python -m tests.deploy.needs chart`."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import kubernetes_validate

HERE = Path(__file__).parent
_CACHE = HERE.parents[1] / ".cache" / "deploy"
_GO = {
    "helm": "helm.sh/helm/v3/cmd/helm@v3.22.0",
    "kubeconform": "github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0",
}
_SCHEMAS = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"


class NeedMissingError(Exception):
    """Something is not there; the message is one line that says what to do."""


def debian(program: str) -> str:
    """Give a program of Debian's Prometheus."""
    path = shutil.which(program)
    if path is None:
        raise NeedMissingError(
            f"{program} is not installed. On Debian: apt install --no-install-recommends prometheus"
        )
    return path


def go_tool(name: str) -> str:
    """Give a program that Go builds once, into the cache."""
    module = _GO[name]
    directory = _CACHE / module.rpartition("@")[2]
    program = directory / name
    if not program.exists():
        go = shutil.which("go")
        if go is None:
            raise NeedMissingError(f"go, which builds {name}, is missing: apt install golang")
        environment = os.environ | {"GOBIN": str(directory)}
        if subprocess.run([go, "install", module], env=environment, check=False).returncode:
            raise NeedMissingError(f"{module} could not be built by Go")
    return str(program)


def schemas(version: str) -> Path:
    """Give the directory of the schemas of Kubernetes' own kinds, from the Python package.

    There they refer to each other by the addresses of a server; kubeconform reads files.
    """
    directory = _CACHE / f"schemas-{kubernetes_validate.__version__}" / version
    if not directory.exists():
        making = directory.with_suffix(".making")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        for path in (_SCHEMAS / f"v{version}-local-strict").glob("*.json"):
            schema = json.loads(path.read_text(encoding="utf-8"))
            schema.pop("$id", None)
            text = json.dumps(schema).replace("/api/_definitions.json", "_definitions.json")
            (making / path.name).write_text(text, encoding="utf-8")
        making.rename(directory)
    return directory


def custom_kinds() -> Path:
    """Give the directory of the npm packages that know the operators' kinds, fetched once."""
    directory = _CACHE / "custom-kinds"
    lock = HERE / "package-lock.json"
    if (
        not (directory / "node_modules").exists()
        or (directory / lock.name).read_bytes() != lock.read_bytes()
    ):
        npm = shutil.which("npm")
        if npm is None:
            raise NeedMissingError("npm, which fetches the operators' schemas, is missing")
        directory.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", lock.name, "custom-kinds.mjs"):
            shutil.copy(HERE / name, directory)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        if subprocess.run(command, cwd=directory, check=False).returncode:
            raise NeedMissingError("the operators' schemas could not be fetched by npm")
    return directory


if __name__ == "__main__":
    try:
        if "observe" in sys.argv[1:]:
            debian("promtool")
            debian("prometheus")
        if "chart" in sys.argv[1:]:
            go_tool("helm")
            go_tool("kubeconform")
            custom_kinds()
    except NeedMissingError as error:
        sys.exit(str(error))
