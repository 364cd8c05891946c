"""What the tests of converted formats share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.backends.converters import WorkerPool


@pytest.fixture(scope="session")
def pool() -> Iterator[WorkerPool]:
    """Workers that have loaded their libraries."""
    started = WorkerPool()
    yield started
    started.close()
