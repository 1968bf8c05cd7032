"""Addresses as they are asked for, and as they may be shown: secrets are filled in last, and never printed."""

import os
import re
from urllib.parse import urlsplit

from gesture.base.errors import GestureError
from gesture.config.address import VARIABLE


def expanded(url: str) -> str:
    """The address with each `${NAME}` replaced by the environment variable, which is inserted as it is.

    Raises:
        GestureError: a variable is not set, or holds what cannot stand in an address.
    """

    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1], "")
        if not found:
            raise GestureError(
                f"data.download.files: {shown(url)}: the environment variable {match[1]} is not set: "
                "export it and run again"
            )
        if re.search(r"[\s#]|[^\x21-\x7e]", found):
            raise GestureError(
                f"data.download.files: {shown(url)}: the environment variable {match[1]} has characters that cannot "
                "stand in an address: percent-encode them"
            )
        return found

    return VARIABLE.sub(value, url)


def shown(url: str) -> str:
    """An address as messages may show it: without user, password and query, any of which may be a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
