from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workers.depot import Depot


@pytest.fixture
def depot(tmp_path: Path) -> Iterator[Depot]:
    """Closed at the end, with its processes."""
    depot = Depot(tmp_path)
    yield depot
    depot.dispatch.close()
    depot.pool.let_go(all_of_them=True)
