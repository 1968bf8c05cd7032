"""What networks and training give today; the rest of the frozen values is in tests/unit/test_frozen.py."""

from pathlib import Path

import pytest
from frozen import networks
from frozen.values import check

SECTIONS = {"networks": networks.networks, "pipeline": networks.pipeline, "chain": networks.chain}


@pytest.mark.parametrize("name", SECTIONS)
def test_it_is_as_it_was(name: str, tmp_path: Path) -> None:
    check(name, SECTIONS[name](tmp_path))
