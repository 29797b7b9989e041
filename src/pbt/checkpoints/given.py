"""`Given`: the path of a checkpoint that was given to a worker, which notices whether it is used or only looked at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    _Path = Path
else:
    _Path = type(Path())  # before Python 3.12 only the platform's own kind can be derived from


_INNER = ("_parts", "_raw_paths")
"""Attributes that `Path(path)` reads of a path, before Python 3.12 and since, without asking for its text."""


class Given(_Path):
    """A path that calls `used` whenever it leads on to a file, becomes text, or travels to another process.

    Its truth value and its repr call `looked` instead.
    """

    _used: Callable[[], None] | None = None
    _looked: Callable[[], None] | None = None

    @classmethod
    def at(cls, path: Path, used: Callable[[], None] | None, looked: Callable[[], None] | None = None) -> Given:
        """The same path, with the functions to call."""
        given = cls(path)
        hash(given), _Path.__str__(given)  # remembered, so that a look need not make them anew
        given._used, given._looked = used, looked
        return given

    def __bool__(self) -> bool:
        if self._looked is not None:
            self._looked()
        return True

    def _use(self) -> Path:
        if self._used is not None:
            self._used()
            self._looked = None
        return Path(super().__str__())

    def __getattribute__(self, name: str) -> Any:
        if name in _INNER:
            used = super().__getattribute__("_used")
            if used is not None:
                used()
        return super().__getattribute__(name)

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if name not in _INNER]

    def __str__(self) -> str:
        return str(self._use())

    def __fspath__(self) -> str:
        return str(self._use())

    def __repr__(self) -> str:
        if self._looked is not None:
            self._looked()
        return f"{_Path.__name__}({super().__str__()!r})"

    def __truediv__(self, key: Any) -> Path:  # type: ignore[override]
        return self._use().__truediv__(key)

    def joinpath(self, *others: Any) -> Path:  # type: ignore[override]
        """As `Path.joinpath`."""
        return self._use().joinpath(*others)

    def glob(self, *pattern: Any, **how: Any) -> Any:
        """As `Path.glob`."""
        return self._use().glob(*pattern, **how)

    def rglob(self, *pattern: Any, **how: Any) -> Any:
        """As `Path.rglob`."""
        return self._use().rglob(*pattern, **how)

    def iterdir(self) -> Any:
        """As `Path.iterdir`."""
        return self._use().iterdir()

    def with_segments(self, *segments: Any) -> Any:
        """Paths derived from it, such as its parent, call `used` and `looked`, too."""
        return Given.at(Path(*segments), self._used)

    def __reduce__(self) -> Any:
        return Path, (str(self._use()),)
