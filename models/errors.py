"""Exceptions: a broken machine, never a refusal. No message has a driver's words in it.

OrderImportError
  x StorageUnavailable   the database does not answer: try again
  |  x StorageBusy       it answers, and another transaction is in the way: try again at once
  x StorageBroken        the database refused, and will refuse again: stop
  x TransactionTooLarge  more than the database takes at once: try less
  x BrokerUnavailable    Kafka does not answer: try again
  x PositionLost         somebody else has decided on from here: stop
"""


class OrderImportError(Exception):
    """The base of what this program raises itself."""


class StorageUnavailable(OrderImportError):  # noqa: N818 - a state of the world, not a mistake
    """The database did not answer, or not in time. What it did is unknown; asking again is safe."""


class StorageBusy(StorageUnavailable):
    """Another transaction has been in the way for seconds. Nothing of this one was stored."""


class StorageBroken(OrderImportError):  # noqa: N818 - a state of the world, not a mistake
    """The database refused what it was asked, and no second try will change that."""


class TransactionTooLarge(OrderImportError):  # noqa: N818 - a state of the world, not a mistake
    """A transaction was larger, or took longer, than the database takes. Nothing was stored."""


class BrokerUnavailable(OrderImportError):  # noqa: N818 - a state of the world, not a mistake
    """Kafka did not answer, or not in time. Sending again is safe: the ids are the same."""


class PositionLost(OrderImportError):  # noqa: N818 - a state of the world, not a mistake
    """A partition's stored position is not where this owner left it: another one has it now."""
