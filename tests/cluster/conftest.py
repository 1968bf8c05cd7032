"""The fake LSF for tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from lsf_site import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A cluster without jobs and a working directory."""
    one = Site(tmp_path)
    yield one
    one.close()
