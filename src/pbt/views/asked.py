"""The parameters of a view, as an address's query says them."""

from __future__ import annotations

import re
from urllib.parse import parse_qs

from pbt.errors import Invalid

WIDEST = 4000
"""Bins, or points of a line, that are given at most."""
IDS = r"[0-9]{1,16}(,[0-9]{1,16}){0,49}"
"""Up to 50 members, as in ``0,3,7``."""
SORTS = r"id|step|score|age|state|h/.+"
"""Columns by which the table of members is sorted."""
_LARGEST = 2**53
_WHOLE = re.compile(r"[0-9]{1,18}", re.ASCII)


class Asked:
    """A query such as ``from=0&to=100&width=600``. Of a name that is given twice, the last counts.

    Raises:
        Invalid: it can not be read.
    """

    def __init__(self, query: str) -> None:
        try:
            found = parse_qs(query, keep_blank_values=True, max_num_fields=50, errors="strict")
        except ValueError as error:
            raise Invalid(f"the address's query can not be read: {error}") from None
        self._given = {name: values[-1] for name, values in found.items()}

    @property
    def key(self) -> tuple[tuple[str, str], ...]:
        """Equal for equal queries."""
        return tuple(sorted(self._given.items()))

    def text(self, name: str, default: str = "", pattern: str = ".*") -> str:
        """A text.

        Raises:
            Invalid: it does not match `pattern`.
        """
        value = self._given.get(name, default)
        if value != default and re.fullmatch(pattern, value, re.ASCII | re.DOTALL) is None:
            raise Invalid(f"{name}={value[:40]!r}: expected is {pattern}")
        return value

    def number(self, name: str, default: int | None = None, low: int = 0, high: int = _LARGEST) -> int:
        """A whole number from `low` to `high`.

        Raises:
            Invalid: it is none, or missing and without a default.
        """
        value = self._given.get(name)
        if value is None:
            if default is None:
                raise Invalid(f"{name} is missing: give a whole number")
            return default
        if _WHOLE.fullmatch(value) is None or not low <= int(value) <= high:
            raise Invalid(f"{name}={value[:40]!r}: a whole number from {low} to {high}")
        return int(value)

    def window(self, last: int) -> tuple[int, int]:
        """The steps ``from`` and ``to``; by default all up to `last`.

        Raises:
            Invalid: they are no numbers, or in the wrong order.
        """
        low = self.number("from", 0)
        high = self.number("to", max(low, last))
        if low > high:
            raise Invalid(f"from={low} is after to={high}: swap them")
        return low, high
