"""Generate the contract from the code: an AsyncAPI document and JSON Schemas of all topics."""
