"""What holds for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a cache of its own, and leaves the user's alone."""
    monkeypatch.setenv("SLIMDSL_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("SLIMDSL_NO_CACHE", raising=False)
