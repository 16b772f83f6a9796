"""The contract: an AsyncAPI document and JSON Schemas of every topic, from the code itself."""

from order_import.devtools.contract.document import contract_files

__all__ = ["contract_files"]
