"""What a disk, a file server or a limit refuses, as one line: which path, why, whose file it is, what to do."""

import errno
import grp
import os
import pwd
import resource
import shutil
import stat
from pathlib import Path

from gesture.base.errors import GestureError

# What is none of our bugs: another place, another limit or another's permission mends it.
_OF_PERMISSION = (errno.EACCES, errno.EPERM)
_REMEDIES = {
    errno.ENOSPC: "make room there, or use another working directory",
    errno.EDQUOT: "your quota is used up (`quota -s` shows it): remove files, ask for more, or use another directory",
    errno.EROFS: "use a working directory that can be written to",
    errno.EFBIG: "a limit on the size of files: see `ulimit -f`",
    errno.EMFILE: "raise the limit with `ulimit -n`, or use fewer --processes",
    errno.ENFILE: "this machine has too many open files: end other programs, or use another machine",
    errno.ENAMETOOLONG: "shorten names of experiment, variants, folders: most file systems take 255 bytes a name",
    errno.ENOTDIR: "a part of this path is a file: remove it, or use another path",
    errno.EISDIR: "this is a folder: remove it, or use another path",
    errno.ELOOP: "links that lead in a circle: remove them",
    errno.EIO: "the disk or file server failed: run again; if it stays, ask your site",
    errno.ESTALE: "the file server has lost it: run again",
    errno.ENOTCONN: "the file server is away: run again when it is back",
    errno.ETXTBSY: "it is in use: run again when it is not",
}


def is_refusal(error: OSError) -> bool:
    """True if the environment refused something, rather than that this program has a bug."""
    return error.errno in _REMEDIES or error.errno in _OF_PERMISSION


def refusal(error: OSError, path: Path | None = None) -> GestureError:
    """The error as one line.

    Args:
        error: of the system.
        path: what was to be read or written, where the error does not name it.
    """
    named = error.filename2 or error.filename
    where = Path(os.fsdecode(named)) if isinstance(named, str | bytes | os.PathLike) else path or Path.cwd()
    # Libraries add paragraphs of their own; the system's word for the number is enough.
    what = os.strerror(error.errno) if error.errno else str(error).partition("\n")[0]
    parts = [what]
    if error.errno == errno.ENOSPC:
        parts = [f"{what} ({_free(where)} MB are free)"]
    elif error.errno == errno.EMFILE:
        parts = [f"{what} ({resource.getrlimit(resource.RLIMIT_NOFILE)[0]} are allowed)"]
    elif error.errno == errno.ENAMETOOLONG:
        longest = max((len(os.fsencode(part)) for part in where.parts), default=0)
        parts = [f"{what} ({longest} bytes, the whole path {len(os.fsencode(where))})"]
        where = _shortened(where)
    if error.errno in _OF_PERMISSION:
        parts.append(_whose(where))
    elif error.errno in _REMEDIES:
        parts.append(_REMEDIES[error.errno])
    return GestureError(f"{where}: {'; '.join(parts)}")


def _free(path: Path) -> str:
    try:
        return f"{shutil.disk_usage(_nearest(path)).free / 1e6:,.1f}"
    except OSError:
        return "unknown"


def _nearest(path: Path) -> Path:
    """The path, or the innermost of its folders that is there."""
    return next((one for one in (path, *path.absolute().parents) if os.path.lexists(one)), Path("/"))


def _whose(path: Path) -> str:
    """Whose it is, and what its owner can do: in a group's folder a umask of 022 keeps the others out."""
    try:
        near = _nearest(path)
        # What is there may be writable, and its folder not.
        near = near if near != path or not os.access(near, os.W_OK) else near.parent
        found = near.stat()
    except OSError:
        return "ask its owner for permission, or use another working directory"
    owner, group = _user(found.st_uid), _group(found.st_gid)
    mode = stat.filemode(found.st_mode)
    if found.st_uid == os.geteuid():
        return f"{near} is yours ({mode}, group {group}): chmod u+rwX it, or use another working directory"
    return (
        f"{near} belongs to {owner}, group {group} ({mode}): ask {owner} to run `chmod -R g+rwX` on it and to work "
        "with umask 002, or use another working directory"
    )


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return f"group {number}"


def _shortened(path: Path) -> Path:
    """The path with its long names cut: a line of 4,000 letters helps nobody."""
    parts = [f"{part[:40]}..." if len(part) > 80 else part for part in path.parts]
    return Path(*parts[:6], "...") if len(parts) > 40 else Path(*parts)
