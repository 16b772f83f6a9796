"""Exceptions: a broken machine, never a refusal. No message has a driver's words in it.

OrderImportError
  x TransientStorageError   the database, just now: try again
  |  x StorageUnavailable   it does not answer; what it did is unknown
  |  x StorageBusy          it answers, and another transaction is in the way: nothing was stored
  x StorageBroken           the database refused, and will refuse again: stop
  |  x OtherLayout          it is of another version of this program
  x TransactionTooLarge     more than the database takes at once: try less
  x DuplicateKey            what is to be stored is there already: find the message, and refuse it
  x BrokerUnavailable       Kafka does not answer: try again
  x Fenced                  somebody else has decided on from here: stop
"""


class OrderImportError(Exception):
    """The base of what this program raises itself."""


class TransientStorageError(OrderImportError):
    """The database does not serve just now. Asking again is safe."""


class StorageUnavailable(TransientStorageError):  # noqa: N818 - a state of the world, not a mistake
    """The database did not answer, or not in time. What it did is unknown."""


class StorageBusy(TransientStorageError):  # noqa: N818 - a state of the world, not a mistake
    """Another transaction has been in the way for seconds. Nothing of this one was stored."""


class StorageBroken(OrderImportError):  # noqa: N818 - a state of the world, not a mistake
    """The database refused what it was asked, and no second try will change that."""


class OtherLayout(StorageBroken):
    """The database is of another version of this program."""


class TransactionTooLarge(OrderImportError):  # noqa: N818 - a state of the world, not a mistake
    """A transaction was larger, or took longer, than the database takes. Nothing was stored."""


class DuplicateKey(OrderImportError):  # noqa: N818 - a state of the world, not a mistake
    """A document with this key is there already. Nothing of the transaction was stored."""

    def __init__(self, collection: str, key: str) -> None:
        super().__init__(f"{collection}: {key} is there already")
        self.collection = collection
        self.key = key


class BrokerUnavailable(OrderImportError):  # noqa: N818 - a state of the world, not a mistake
    """Kafka did not answer, or not in time. Sending again is safe: the ids are the same."""


class Fenced(OrderImportError):  # noqa: N818 - a state of the world, not a mistake
    """A partition's stored checkpoint is not where this owner left it: another one has it now."""
