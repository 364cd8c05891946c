"""What is wrong with data, as one line for people."""

from __future__ import annotations


class DataError(Exception):
    """The data cannot be used; the message is one line without a full stop, with the file and the record."""


class MissingDataError(DataError):
    """There is nothing at the path, or the specification makes no sense: wrong usage rather than wrong data."""
