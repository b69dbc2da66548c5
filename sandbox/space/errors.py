"""The one error family that a user can cause: a wrong scenario, command or configuration."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

__all__ = ["EXIT_INTERRUPTED", "EXIT_USER_ERROR", "BadValueError", "UserError"]

EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 3


class UserError(Exception):
    """Something that the user can mend.

    Its text is one line, `where: french / english then`: what is wrong, where, and what would be
    right. The command line prints it and exits with code 2.

    Attributes:
        french: what is wrong and what would be right, in French.
        english: the same, in English.
        where: the file, key or value that both speak of; said once.
        then: what ends both, said once: allowed values, or a library's own words in brackets.
    """

    def __init__(self, french: str, english: str, *, where: object = "", then: object = "") -> None:
        super().__init__(french, english)  # args: an exception is pickled from them
        self.french = french
        self.english = english
        self.where = str(where)
        self.then = str(then)

    @classmethod
    def expected(cls, where: object, then: object) -> Self:
        """Return the error of a value that is not what is allowed: names, or said in one text."""
        return cls("attendu", "expected", where=where, then=_listed(then))

    @classmethod
    def among(cls, french: str, english: str, where: object, known: object) -> Self:
        """Return the error of a name that is not among those that are known."""
        return cls(
            f"{french} ; choisir parmi", f"{english}; choose among",
            where=where, then=_listed(known),
        )  # fmt: skip

    @classmethod
    def because(cls, french: str, english: str, where: object, why: object) -> Self:
        """Return the error that another one led to, whose own words end it in brackets."""
        return cls(french, english, where=where, then=f"({why})")

    def __str__(self) -> str:
        """Return the line."""
        line = " ".join(filter(None, (f"{self.french} / {self.english}", self.then)))
        return " ".join(": ".join(filter(None, (self.where, line))).split())

    def at(self, where: object) -> UserError:
        """Return the same error, said to be inside of `where` (a file, an option)."""
        inside = ": ".join(filter(None, (str(where), self.where)))
        return UserError(self.french, self.english, where=inside, then=self.then)


def _listed(names: object) -> str:
    return (
        ", ".join(map(str, names))
        if isinstance(names, Iterable) and not isinstance(names, str)
        else str(names)
    )


class BadValueError(ValueError):
    """What a model's own check refuses, in both languages.

    A ValueError, so that pydantic adds where the value stands; the loader makes a UserError of it.
    """

    def __init__(self, french: str, english: str, *, where: str = "", then: str = "") -> None:
        super().__init__(french, english)
        self.told = UserError(french, english, where=where, then=then)

    def __str__(self) -> str:
        """Return the line."""
        return str(self.told)
