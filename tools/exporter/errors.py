"""What a user can correct."""


class ExportError(Exception):
    """Shown without a traceback."""
