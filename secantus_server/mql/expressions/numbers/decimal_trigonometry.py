"""Trigonometric functions of decimals, correct to all 34 digits of a decimal128.

Python's `decimal` module has exponentials, logarithms and roots, but no trigonometric functions. This module computes them as series,
with additional digits to prevent rounding errors.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable
from decimal import Decimal

DIGITS = 34
# Limits of decimal exponents. For an x below SMALLEST, a function whose series starts with x equals x in all digits. Above LARGEST, PI has
# too few digits to reduce an angle.
SMALLEST, LARGEST = -40, 40
PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211706798214808651328230665")

Function = Callable[[Decimal], Decimal]


def precisely(function: Function) -> Function:
    """Decorator: run a function with a decimal precision that suffices for the exponent of its argument. The function is not called for
    NaN.
    """

    def apply(number: Decimal) -> Decimal:
        if number.is_nan():
            return number
        distance = abs(number.adjusted()) if number and number.is_finite() else 0
        with decimal.localcontext(_context(3 * DIGITS + min(distance, LARGEST))):
            return function(number)

    return apply


def _context(precision: int) -> decimal.Context:
    """Return a decimal context with the given precision, without traps, and with a sufficient exponent range for intermediate results."""
    return decimal.Context(prec=precision, rounding=decimal.ROUND_HALF_EVEN, Emin=-999999, Emax=999999, traps=[])


def _is_tiny(number: Decimal) -> bool:
    return number.is_zero() or number.adjusted() < SMALLEST


def _series(term: Decimal, square: Decimal, first: int) -> Decimal:
    """Sum the alternating series term - term * square / (first * (first + 1)) + ..., with which sine and cosine are computed."""
    total, previous, index = term, None, first
    while total != previous:
        previous = total
        term = -term * square / (index * (index + 1))
        total += term
        index += 2
    return total


def _reduced(number: Decimal) -> Decimal:
    """Reduce an angle to the equivalent angle between -pi and pi."""
    turn = 2 * PI
    return number - turn * (number / turn).to_integral_value()


@precisely
def sin(number: Decimal) -> Decimal:
    """Return the sine of an angle in radians."""
    if _is_tiny(number):
        return number
    angle = _reduced(number)
    return _series(angle, angle * angle, 2)


@precisely
def cos(number: Decimal) -> Decimal:
    """Return the cosine of an angle in radians."""
    angle = _reduced(number)
    return _series(Decimal(1), angle * angle, 1)


@precisely
def tan(number: Decimal) -> Decimal:
    """Return the tangent of an angle in radians."""
    if _is_tiny(number):
        return number
    angle = _reduced(number)
    return _series(angle, angle * angle, 2) / _series(Decimal(1), angle * angle, 1)


def _atan(number: Decimal) -> Decimal:
    if _is_tiny(number):
        return number
    if number.is_infinite():
        return (PI / 2).copy_sign(number)
    # Halve the angle a few times first, because the series converges faster for a small argument.
    for _ in range(4):
        number = number / (1 + (1 + number * number).sqrt())
    square, term, total, previous, index = number * number, number, number, None, 3
    while total != previous:
        previous = total
        term = -term * square
        total += term / index
        index += 2
    return 16 * total


atan = precisely(_atan)


@precisely
def asin(number: Decimal) -> Decimal:
    """Return the arcsine of a number between -1 and 1."""
    return _asin(number)


@precisely
def acos(number: Decimal) -> Decimal:
    """Return the arccosine of a number between -1 and 1."""
    return Decimal(0) if number == 1 else PI / 2 - _asin(number)


def _asin(number: Decimal) -> Decimal:
    if abs(number) == 1:
        return (PI / 2).copy_sign(number)
    return _atan(number / (1 - number * number).sqrt())


@precisely
def sinh(number: Decimal) -> Decimal:
    """Return the hyperbolic sine of a number."""
    return number if _is_tiny(number) else (number.exp() - (-number).exp()) / 2


@precisely
def cosh(number: Decimal) -> Decimal:
    """Return the hyperbolic cosine of a number."""
    return (number.exp() + (-number).exp()) / 2


@precisely
def tanh(number: Decimal) -> Decimal:
    """Return the hyperbolic tangent of a number."""
    if _is_tiny(number):
        return number
    # Beyond this, the result rounds to 1 or -1 at 34 digits.
    if abs(number) > LARGEST:
        return Decimal(1).copy_sign(number)
    up, down = number.exp(), (-number).exp()
    return (up - down) / (up + down)


@precisely
def asinh(number: Decimal) -> Decimal:
    """Return the inverse hyperbolic sine of a number."""
    if _is_tiny(number) or number.is_infinite():
        return number
    size = abs(number)
    return (size + (size * size + 1).sqrt()).ln().copy_sign(number)


@precisely
def acosh(number: Decimal) -> Decimal:
    """Return the inverse hyperbolic cosine of a number that is at least 1."""
    return number if number.is_infinite() else (number + (number * number - 1).sqrt()).ln()


@precisely
def atanh(number: Decimal) -> Decimal:
    """Return the inverse hyperbolic tangent of a number between -1 and 1."""
    if _is_tiny(number):
        return number
    if abs(number) == 1:
        return Decimal("Infinity").copy_sign(number)
    return ((1 + number) / (1 - number)).ln() / 2


def atan2(y: Decimal, x: Decimal) -> Decimal:
    """Return the angle between the positive x axis and the direction of the point (x, y)."""
    if y.is_nan() or x.is_nan():
        return Decimal("NaN")
    if y.is_zero() or x.is_zero() or y.is_infinite() or x.is_infinite():
        return _axis(y, x)
    with decimal.localcontext(_context(2 * DIGITS)):
        angle = atan(y / x)
        return angle if x > 0 else angle + PI.copy_sign(y)


def _axis(y: Decimal, x: Decimal) -> Decimal:
    """Return the angle between the positive x axis and a point that lies on an axis or at infinity."""
    behind = x.is_signed()
    if y.is_infinite() and x.is_infinite():
        return (PI * (3 if behind else 1) / 4).copy_sign(y)
    if y.is_zero() or x.is_infinite():
        return (PI if behind else Decimal(0)).copy_sign(y)
    return (PI / 2).copy_sign(y)
