"""`console_audit` documents: each entry of the audit log has the hash of the one before it.

Whoever changes or deletes an entry has to compute all later ones again, and the last hash, which is
also in the console's log, is then another.
"""

import hashlib
import json
from dataclasses import asdict, fields
from datetime import datetime

from storage.documents.values import Document
from storage.port import AuditEntry, AuditHead

BEGINNING = AuditHead(0, "")
"""What an empty log ends with."""

_FIELDS = [field.name for field in fields(AuditEntry) if field.name != "entry_id"]


def entry_to_document(entry: AuditEntry, last: AuditHead) -> Document:
    """Return an entry's document as the one after `last`."""
    entry_fields = asdict(entry)
    document = {
        "_id": entry_fields.pop("entry_id"),
        "number": last.number + 1,
        "previous": last.hash,
        **entry_fields,
    }
    return document | {"hash": hash_entry(document)}


def entry_from_document(document: Document) -> AuditEntry:
    """Return a stored entry."""
    return AuditEntry(document["_id"], **{name: document[name] for name in _FIELDS})


def head_from_document(document: Document) -> AuditHead:
    """Return where the log ends if this is its last entry."""
    return AuditHead(document["number"], document["hash"])


def head_before(document: Document) -> AuditHead:
    """Return where the log ended before an entry, by what that says itself."""
    return AuditHead(document.get("number", 1) - 1, document.get("previous", ""))


def hash_entry(document: Document) -> str:
    """Return the SHA-256 of all fields of an entry but its hash, as JSON with sorted names."""
    hashed = {name: value for name, value in document.items() if name != "hash"}
    text = json.dumps(
        hashed, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_to_text
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _to_text(value: object) -> str:
    # MongoDB stores milliseconds.
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    return repr(value)


def find_break(document: Document, last: AuditHead) -> str | None:
    """Return what is wrong with the entry that was stored after `last`; None if nothing is."""
    if document.get("number") != last.number + 1:
        return f"entry {last.number + 1} is missing"
    if document.get("previous") != last.hash:
        return f"entry {document['number']} does not follow the one before it"
    if document.get("hash") != hash_entry(document):
        return f"entry {document['number']} was changed"
    return None
