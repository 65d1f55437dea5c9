"""The error that is shown without a traceback."""


class PeerError(Exception):
    """Something could not be measured; the text says why, in one line where it becomes a row of the table."""
