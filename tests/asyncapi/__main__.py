"""Check the contract with AsyncAPI's own parser: `python -m tests.asyncapi`. Needs node and npm."""

import shutil
import subprocess
import sys
from pathlib import Path

from order_import.devtools.contract.document import ASYNCAPI, contract_files
from tests.npm import NeedMissingError, fetch

_VERSION = "3.6.6"
_SHA256 = "acf47343dc1327bc344e630a1b700a1d612f328039c85156765e9c599ab93d14"
_CHECK = Path(__file__).with_name("check.cjs")


def find_problems(document: str) -> str:
    """Return what the parser has against a document, one problem a line."""
    node = shutil.which("node")
    if node is None:
        raise NeedMissingError("node is missing: apt install nodejs")
    parser = fetch("@asyncapi/parser", _VERSION, "browser/index.js", _SHA256)
    done = subprocess.run(
        [node, _CHECK, parser], input=document.encode(), capture_output=True, check=False
    )
    return (done.stdout + done.stderr[-500:]).decode()


def main() -> None:
    """Check the document, and that the parser refuses a broken one."""
    document = contract_files()[ASYNCAPI]
    broken = document.replace('"#/channels/amazon.orders"', '"#/channels/nowhere"')
    try:
        problems = find_problems(document)
        if not find_problems(broken):
            problems += "the parser accepts a document that is broken\n"
    except NeedMissingError as error:
        sys.exit(str(error))
    if problems:
        sys.exit(problems.rstrip())
    sys.stdout.write("AsyncAPI's parser accepts the contract\n")


if __name__ == "__main__":
    main()
