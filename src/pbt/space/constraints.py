"""Constraints between hyperparameters: small expressions, read into parts of few kinds and never run as code.

    batch >= minibatch
    lr * batch <= 1 and optimizer.name in ("adam", "sgd")
    width % heads == 0

Names are those of the space; what is no Python name stands in backticks, as `weight decay`. A constraint that can not
be reckoned for some values (a text compared with a number, a division by zero) does not hold for them.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import count
from typing import Any, NamedTuple

from pbt.errors import SpaceError
from pbt.space.domains import Choice, Constant, Domain, Ordinal
from pbt.space.numbers import short, text
from pbt.space.values import Value, has, listed, same

LONGEST, DEEPEST, MOST = 500, 50, 50
"""Characters of a constraint, parts inside one another, constraints of a space."""
Kinds = frozenset[str]
"""What a part can give: a "number", a "text", a "flag" (True or False) or "nothing" (None)."""
_NUMBER, _FLAG = Kinds({"number"}), Kinds({"flag"})
_QUOTED = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`([^`]*)`""")
_KNOWN = "names, numbers, texts, < <= > >= == !=, in (…), and, or, not, + - * / // % **, min, max and abs"
_ATTEMPTS = 10
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
    ast.Pow: math.pow,  # in floats: neither an integer of a million digits nor a complex number
}  # fmt: skip
_ORDER: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip


class Constraint(NamedTuple):
    """One constraint, as it was written and as it is reckoned."""

    text: str
    names: frozenset[str]
    reckon: Callable[[Mapping[str, Value]], Any]

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Whether it holds; not, where it can not be reckoned."""
        try:
            return self.reckon(values) is True
        except (TypeError, ValueError, ArithmeticError, KeyError):
            return False


def read_constraints(given: Any, domains: Mapping[str, Domain]) -> tuple[Constraint, ...]:
    """Constraints from a list of expressions.

    Raises:
        SpaceError: naming the constraint, and what in it is unknown, of the wrong kind, or too much.
    """
    found = listed(given)
    if not found and not (isinstance(given, list | tuple) and len(given) == 0):
        raise SpaceError(f'constraints is {short(given)}: give a list of expressions, such as ["batch >= minibatch"]')
    if len(found) > MOST:
        raise SpaceError(f"a space has {len(found)} constraints: at most {MOST}")
    return tuple(_read(text(given, "a constraint", SpaceError), domains) for given in found)


def _read(written: str, domains: Mapping[str, Domain]) -> Constraint:
    try:
        if len(written) > LONGEST:
            raise SpaceError(f"it has {len(written)} characters: at most {LONGEST}")
        reader = _Reader(written, domains)
        whole = reader.part(reader.tree)
        if "flag" not in whole.kinds:
            raise SpaceError("it says neither yes nor no: compare something with something")
        if not reader.names:
            raise SpaceError("it names no hyperparameter")
    except SpaceError as error:
        raise SpaceError(f"the constraint {short(written)}: {error}") from None
    return Constraint(written, frozenset(reader.names), whole.reckon)


class _Part(NamedTuple):
    """A part of an expression: what it can give, and how."""

    kinds: Kinds
    reckon: Callable[[Mapping[str, Value]], Any]


class _Reader:
    """Reads one expression, part by part.

    Attributes:
        names: those of the space that have been met.
    """

    def __init__(self, written: str, domains: Mapping[str, Domain]) -> None:
        self._domains = domains
        self._quoted: dict[str, str] = {}
        self.names: set[str] = set()
        try:
            self._source = _QUOTED.sub(self._unquoted(written), written.strip())
            self.tree = _parsed(self._source)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            said = error.msg if isinstance(error, SyntaxError) else str(error)
            raise SpaceError(
                f"it can not be read ({said}); it may have {_KNOWN}; a name that is no Python name stands in backticks"
            ) from None

    def _unquoted(self, written: str) -> Callable[[re.Match[str]], str]:
        """A Python name for each name in backticks."""
        free = (name for name in map("q{}".format, count()) if name not in written)

        def replaced(found: re.Match[str]) -> str:
            if found[1] is None:
                return found[0]
            name = next(free)
            self._quoted[name] = found[1]
            return name

        return replaced

    def part(self, node: ast.expr, depth: int = 0) -> _Part:
        """A part, and the parts in it."""
        if depth > DEEPEST:
            raise SpaceError(f"its parts are more than {DEEPEST} deep: split it into several constraints")
        match node:
            case ast.Constant(value=None | bool() | int() | float() | str() as value):
                return _Part(_kinds(value), lambda values: value)
            case ast.Name() | ast.Attribute():
                return self._name(node)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return _not(self.part(operand, depth + 1))
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
                sign_of = operator.neg if isinstance(sign, ast.USub) else operator.pos
                return _arithmetic(sign_of, self._all([operand], depth))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return _arithmetic(_ARITHMETIC[type(op)], self._all([left, right], depth))
            case ast.BoolOp(op=op, values=values):
                return _joined(isinstance(op, ast.And), self._all(values, depth))
            case ast.Call(func=ast.Name(id="abs"), args=[arg], keywords=[]):
                return _arithmetic(abs, self._all([arg], depth))
            case ast.Call(func=ast.Name(id="min" | "max" as name), args=[_, _, *_] as args, keywords=[]):
                return _arithmetic(min if name == "min" else max, self._all(args, depth))
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                return self._compared(left, ops, comparators, depth + 1)
        raise SpaceError(f"{self._shown(node)} means nothing here: a constraint has {_KNOWN}")

    def _shown(self, node: ast.expr) -> str:
        return short(ast.get_source_segment(self._source, node))

    def _all(self, nodes: Sequence[ast.expr], depth: int) -> list[_Part]:
        return [self.part(node, depth + 1) for node in nodes]

    def _name(self, node: ast.expr) -> _Part:
        words: list[str] = []
        while isinstance(node, ast.Attribute):
            words.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            raise SpaceError(f"{self._shown(node)} has no names in it")
        name = ".".join(self._quoted.get(word, word) for word in (node.id, *reversed(words)))
        if name not in self._domains:
            known = ", ".join(self._domains)
            raise SpaceError(f"no hyperparameter {name!r}: the space has {known}; what is no Python name, in backticks")
        self.names.add(name)
        return _Part(_kinds_of(self._domains[name]), lambda values: values[name])

    def _compared(self, left: ast.expr, ops: Sequence[ast.cmpop], rights: Sequence[ast.expr], depth: int) -> _Part:
        """A chain of comparisons, as ``1 <= a < b``: each with its neighbour."""
        pairs = []
        for op, right in zip(ops, rights, strict=True):
            first = self.part(left, depth)
            if isinstance(op, ast.In | ast.NotIn):
                if not (isinstance(right, ast.Tuple | ast.List) and right.elts):
                    raise SpaceError(f"after in stand values in brackets, not {self._shown(right)}")
                pairs.append(_among(isinstance(op, ast.In), first, self._all(right.elts, depth)))
            elif isinstance(op, ast.Eq | ast.NotEq):
                pairs.append(_equal(isinstance(op, ast.Eq), first, self.part(right, depth)))
            elif type(op) in _ORDER:
                pairs.append(_ordered(_ORDER[type(op)], first, self.part(right, depth)))
            else:
                raise SpaceError("write == and !=, not is")
            left = right
        return _joined(True, pairs)


def _kinds(value: Value) -> Kinds:
    if type(value) is bool:
        return _FLAG
    return Kinds({"nothing"}) if value is None else Kinds({"text"}) if type(value) is str else _NUMBER


def _kinds_of(domain: Domain) -> Kinds:
    if isinstance(domain, Constant):
        return _kinds(domain.value)
    if isinstance(domain, Ordinal | Choice):
        return Kinds().union(*map(_kinds, domain.values))
    return _NUMBER


def _said(kinds: Kinds) -> str:
    return " or ".join(f"a {kind}" if kind != "nothing" else "None" for kind in sorted(kinds))


def _checked(part: _Part, kind: str, what: str) -> Callable[[Mapping[str, Value]], Any]:
    """How the part is reckoned, where it must give one kind."""
    if kind not in part.kinds:
        raise SpaceError(f"{what} stands {_said(part.kinds)}, which is no {kind}")
    if part.kinds == {kind}:
        return part.reckon

    def reckon(values: Mapping[str, Value]) -> Any:
        value = part.reckon(values)
        if kind not in _kinds(value):
            raise TypeError
        return value

    return reckon


def _arithmetic(function: Callable[..., float], parts: Sequence[_Part]) -> _Part:
    numbers = [_checked(part, "number", "in arithmetic") for part in parts]

    def reckon(values: Mapping[str, Value]) -> float:
        result = function(*(number(values) for number in numbers))
        if result != result:
            raise ValueError
        return result

    return _Part(_NUMBER, reckon)


def _not(part: _Part) -> _Part:
    flag = _checked(part, "flag", "after not")
    return _Part(_FLAG, lambda values: not flag(values))


def _joined(every: bool, parts: Sequence[_Part]) -> _Part:
    """All of them, or any."""
    flags = [_checked(part, "flag", "beside and or or") for part in parts]
    return _Part(_FLAG, lambda values: (all if every else any)(flag(values) for flag in flags))


def _equal(wanted: bool, left: _Part, right: _Part) -> _Part:
    if not left.kinds & right.kinds:
        raise SpaceError(f"{_said(left.kinds)} is never {_said(right.kinds)}")
    return _Part(_FLAG, lambda values: same(left.reckon(values), right.reckon(values)) is wanted)


def _among(wanted: bool, left: _Part, parts: Sequence[_Part]) -> _Part:
    if not left.kinds & Kinds().union(*(part.kinds for part in parts)):
        raise SpaceError(f"{_said(left.kinds)} is none of the values after in")
    return _Part(_FLAG, lambda values: has([part.reckon(values) for part in parts], left.reckon(values)) is wanted)


def _ordered(compare: Callable[[Any, Any], bool], left: _Part, right: _Part) -> _Part:
    if not left.kinds & right.kinds & {"number", "text"}:
        raise SpaceError(f"{_said(left.kinds)} is neither more nor less than {_said(right.kinds)}")

    def reckon(values: Mapping[str, Value]) -> bool:
        a, b = left.reckon(values), right.reckon(values)
        if not _kinds(a) & _kinds(b) & {"number", "text"}:
            raise TypeError
        return compare(a, b)

    return _Part(_FLAG, reckon)


def _parsed(source: str) -> ast.expr:
    """The tree of an expression.

    CPython 3.11 raises SystemError, and not for anything in the expression, where another thread makes a tree at the
    same time, or a finalizer that prints a traceback does.
    """
    for _ in range(_ATTEMPTS):
        with suppress(SystemError):
            return ast.parse(source, mode="eval").body
    raise SpaceError("it could not be read just now: try again")
