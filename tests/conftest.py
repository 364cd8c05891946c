"""What holds for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a cache of its own, and leaves the user's alone."""
    monkeypatch.setenv("SLIMDSL_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("SLIMDSL_NO_CACHE", raising=False)


@pytest.fixture(autouse=True)
def _no_verification(monkeypatch: pytest.MonkeyPatch) -> None:
    """Artefacts are not run unless a test is about that: loading TensorFlow takes seconds each time."""
    monkeypatch.setenv("SLIMDSL_NO_VERIFY", "1")
