"""Attributes whose changes are noticed, whoever makes them."""

from __future__ import annotations

from typing import Any, Generic, Protocol, TypeVar, overload

T = TypeVar("T")


class Notes(Protocol):
    """Something that follows the changes of its own attributes."""

    def note(self) -> None:
        """Go by what an attribute has become."""


class Noted(Generic[T]):
    """An attribute whose owner is told each time that it is set to something else.

    What it is set to is kept under the same name after an underscore, for which an owner with
    slots needs one.
    """

    def __init__(self, default: T) -> None:
        self._default = default

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = f"_{name}"

    @overload
    def __get__(self, owner: None, kind: type) -> Noted[T]: ...

    @overload
    def __get__(self, owner: Notes, kind: type) -> T: ...

    def __get__(self, owner: Notes | None, kind: type) -> Any:
        return self if owner is None else getattr(owner, self._name, self._default)

    def __set__(self, owner: Notes, value: T) -> None:
        if self.__get__(owner, type(owner)) is not value:
            setattr(owner, self._name, value)
            owner.note()
