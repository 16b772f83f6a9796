"""What may go wrong with a server of our own."""


class EmbeddedServerError(Exception):
    """An embedded server cannot run; the message says why in words for the operator."""
