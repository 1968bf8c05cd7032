"""Working directories that a scheduler would take for patterns."""

from pathlib import Path

import pytest

from gesture.base.errors import GestureError
from gesture.schedulers.patterns import refuse_patterns


@pytest.mark.parametrize("name", ["a%j", "%J", "x%4jy", "50%%"])
def test_what_a_scheduler_replaces_is_refused(name: str) -> None:
    with pytest.raises(GestureError, match="use a folder without %"):
        refuse_patterns(Path("/scratch") / name)


@pytest.mark.parametrize("name", ["a", "50%", "50% more", "j%-1"])
def test_a_mere_percent_sign_is_not(name: str) -> None:
    refuse_patterns(Path("/scratch") / name)
