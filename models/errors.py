"""Exceptions: failures of the systems around, never a refusal. No message quotes a driver."""


class OrderImportError(Exception):
    """The base class of this program's own exceptions."""


class TransientStorageError(OrderImportError):
    """The database is temporarily unable to serve. Retrying is safe."""


class StorageUnavailable(TransientStorageError):  # noqa: N818 - a state of the world, not a mistake
    """The database did not answer, or not in time. The result is unknown."""


class StorageBusy(TransientStorageError):  # noqa: N818 - a state of the world, not a mistake
    """Another transaction has been in the way for seconds. Nothing of this one was stored."""


class StorageBroken(OrderImportError):  # noqa: N818 - a state of the world, not a mistake
    """The database refused a request, and would refuse it again."""


class OtherLayout(StorageBroken):
    """The database belongs to another version of this program."""


class KeyMissing(StorageBroken):
    """Buyer data cannot be encrypted or decrypted with the keys that are there."""


class TransactionTooLarge(OrderImportError):  # noqa: N818 - a state of the world, not a mistake
    """A transaction exceeded the size or time limit of the database. Nothing was stored."""


class DuplicateKey(OrderImportError):  # noqa: N818 - a state of the world, not a mistake
    """A document with this key exists already. Nothing of the transaction was stored."""

    def __init__(self, collection: str, key: str) -> None:
        super().__init__(f"{collection}: {key} is there already")
        self.collection = collection
        self.key = key


class BrokerUnavailable(OrderImportError):  # noqa: N818 - a state of the world, not a mistake
    """Kafka did not answer, or not in time. Sending again is safe: the ids are the same."""


class Fenced(OrderImportError):  # noqa: N818 - a state of the world, not a mistake
    """A stored checkpoint is not as this owner left it: another worker owns the partition now."""
