"""How many sockets and files this process may have open."""

from __future__ import annotations

__all__ = ["allow_descriptors"]

_WANTED = 65_536


def allow_descriptors() -> None:
    """Raise the soft limit as far as the hard one goes.

    Many systems give 1,024, or 256, which a few clients' connections use up; then nothing opens any
    more, for anybody.
    """
    try:
        import resource
    except ImportError:  # not on Windows, which has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED if hard == resource.RLIM_INFINITY else min(_WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
