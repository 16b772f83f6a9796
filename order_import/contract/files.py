"""The files of the contract, as they are written and committed."""

import json
from collections.abc import Mapping

from order_import.contract.document import asyncapi_document
from order_import.contract.schemas import standalone_schemas

ASYNCAPI = "asyncapi.json"


def contract_files() -> Mapping[str, str]:
    """Give every file's text by its path: the AsyncAPI document, and a JSON Schema per message."""
    schemas = standalone_schemas()
    return {
        ASYNCAPI: _text(asyncapi_document()),
        **{f"schemas/{name}.json": _text(schema) for name, schema in sorted(schemas.items())},
    }


def _text(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
