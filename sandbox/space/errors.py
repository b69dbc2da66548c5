"""The one error family that a user can cause: a wrong scenario, command or configuration."""

__all__ = ["EXIT_INTERRUPTED", "EXIT_USER_ERROR", "UserError"]

EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 3


class UserError(Exception):
    """Something that the user can mend.

    Its text is one line: what is wrong, where, and what would be right.
    The command line prints it and exits with code 2.
    """
