"""Addresses of files on the web, and what in them may be a secret."""

import re
from urllib.parse import urlsplit

VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)\}")
_FILLED_IN = "\0"

# Parameters of a query that say which file is meant, or how it is sent. Of any other one, nobody can tell whether it is
# a key: Dropbox calls it `rlkey`, Azure `sig`, an own server as it likes.
_HARMLESS = {
    "action", "alt", "confirm", "dataset", "dl", "doi", "download", "export", "file", "file_id", "fileid", "filename",
    "files", "format", "id", "inline", "lang", "name", "path", "persistentid", "raw", "rev", "revision", "tag", "type",
    "usp", "v", "ver", "version",
}  # fmt: skip


def is_plain(url: str) -> bool:
    """Whether it is an address on the web that carries no user and password."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises if it is no number
    except ValueError:
        return False
    whole = not re.search(r"\s", url) and parts.scheme in ("http", "https") and parts.hostname
    return bool(whole) and not re.search(r"[@$]", parts.netloc)


def may_be_secret(url: str) -> str | None:
    """Names what in the query or after `#` may be a secret, without showing it; None if nothing is."""
    parts = urlsplit(VARIABLE.sub(_FILLED_IN, url))
    if parts.fragment:
        return "what follows `#`"
    for part in re.split("[&;]", parts.query):
        name, _, value = part.partition("=")
        if {*part} <= {_FILLED_IN} or name.lower() in _HARMLESS or {*value} == {_FILLED_IN}:
            continue
        # `?c2VjcmV0=` has nothing but a name, and that may be the key itself.
        return f"`{name}` in its query" if value and re.fullmatch(r"[A-Za-z][\w.-]{0,30}", name) else "its query"
    return None
