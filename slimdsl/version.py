"""The version of slimdsl; the project file reads it from here."""

from __future__ import annotations

__version__ = "0.1.0"
