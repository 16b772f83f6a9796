"""Generate the contract from the code: an AsyncAPI document and JSON Schemas of all topics."""

from order_import.devtools.contract.document import contract_files

__all__ = ["contract_files"]
