"""Errors of the libraries, as an exception."""

from __future__ import annotations

import enum

from . import _callbacks
from ._library import WAN_OK, Error


class Status(enum.IntEnum):
    """wan_status: what kind of error it is, for programs."""

    INPUT = 1  # the plan, the state or the model is malformed or does not fit, or a latent holds NaN or infinity
    UNSUPPORTED = 2
    IO = 3
    MEMORY = 4
    STATE = 5  # not at this point of a video
    INTERNAL = 6  # a bug in the library
    CANCELLED = 7  # the progress callback asked to stop
    ARGUMENT = 8


class WanError(RuntimeError):
    """What libwan or libwanc refused: one line that says what was expected and what was found.

    `name` is a section of docs/errors.md, such as "plan-input".
    """

    def __init__(self, code: Status, name: str, message: str) -> None:
        super().__init__(code, name, message)
        self.code, self.name, self.message = code, name, message

    def __str__(self) -> str:
        return f"{self.message} [{self.name}]"


class Cancelled(WanError):
    """The progress callback returned something true, and the decode stopped there."""


def check(status: int, error: Error) -> None:
    """Raises what a call of the library failed with. What its callbacks raised goes first: it is the cause."""
    _callbacks.reraise()
    if status == WAN_OK:
        return
    code = Status(error.status)
    kind = Cancelled if code == Status.CANCELLED else WanError
    raise kind(code, error.name.decode(), error.message.decode(errors="replace"))
