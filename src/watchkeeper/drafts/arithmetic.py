"""Sums over facts: an expression such as `100 * failed / requests` is computed, and shown with its numbers in place."""

import ast
from collections.abc import Mapping
from datetime import datetime, timedelta

Value = float | datetime

_SIGNS: dict[type[ast.operator], tuple[str, int]] = {
    ast.Add: ("+", 1),
    ast.Sub: ("−", 1),
    ast.Mult: ("×", 2),
    ast.Div: ("÷", 2),
}


def compute(expression: str, values: Mapping[str, Value]) -> Value:
    """The value of the expression; times differ by seconds, and a time moves by seconds.

    Raises ZeroDivisionError, and KeyError for a name that is not among the values.
    """
    return _computed(_tree(expression), values)


def show(expression: str, texts: Mapping[str, str]) -> str:
    """The expression as people write it, each name replaced by its text."""
    return _shown(_tree(expression), texts)[0]


def _tree(expression: str) -> ast.expr:
    return ast.parse(expression, mode="eval").body


def _computed(node: ast.expr, values: Mapping[str, Value]) -> Value:
    match node:
        case ast.Name(id=name):
            return values[name]
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.BinOp(left=left, op=op, right=right):
            return _applied(op, _computed(left, values), _computed(right, values))
    raise ValueError(f"a sum over facts has names, numbers and + - * /, not {ast.unparse(node)}")


def _applied(op: ast.operator, left: Value, right: Value) -> Value:
    match op, left, right:
        case ast.Sub(), datetime(), datetime():
            return (left - right).total_seconds()
        case ast.Add(), datetime(), float() | int():
            return left + timedelta(seconds=right)
        case ast.Sub(), datetime(), float() | int():
            return left - timedelta(seconds=right)
        case ast.Add(), float() | int(), float() | int():
            return left + right
        case ast.Sub(), float() | int(), float() | int():
            return left - right
        case ast.Mult(), float() | int(), float() | int():
            return left * right
        case ast.Div(), float() | int(), float() | int():
            return left / right
    raise ValueError("times can only be moved by seconds, or subtracted from each other")


def _shown(node: ast.expr, texts: Mapping[str, str]) -> tuple[str, int]:
    """The text, and how tightly its last operation binds."""
    match node:
        case ast.Name(id=name):
            return texts[name], 3
        case ast.Constant(value=int() | float() as value):
            return f"{value}", 3
        case ast.BinOp(left=left, op=op, right=right):
            sign, rank = _SIGNS[type(op)]
            (a, a_rank), (b, b_rank) = _shown(left, texts), _shown(right, texts)
            tight = isinstance(op, ast.Sub | ast.Div)
            return f"{_held(a, a_rank < rank)} {sign} {_held(b, b_rank < rank + tight)}", rank
    raise ValueError(f"a sum over facts has names, numbers and + - * /, not {ast.unparse(node)}")


def _held(text: str, in_brackets: bool) -> str:
    return f"({text})" if in_brackets else text
