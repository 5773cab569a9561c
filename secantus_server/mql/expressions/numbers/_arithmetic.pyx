# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, auto_pickle=True
"""The four basic arithmetic operations and sums, with MongoDB's result types.

On overflow, an int32 result widens to long, and a long to double. If an operand is a double, the result is a double; if an operand is a
decimal128, the result is a decimal128 of 34 digits.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/add/
"""

import decimal as decimal_module

from libc.math cimport INFINITY, isfinite, llround
from libc.stdint cimport INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, int64_t, uint8_t

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._types cimport BSON_DOUBLE, BSON_INT, BSON_LONG, BSON_NULL, BSON_STRING
from secantus_server.mql.expressions._nodes cimport BinaryOperation, Computed, Expression, Operation, all_can_compute, is_nothing

from bson.decimal128 import Decimal128
from bson.int64 import Int64

from secantus_server.bson.numbers import DECIMAL_CONTEXT, int_value, to_decimal
from secantus_server.bson.values import MISSING, UNDEFINED, Date, type_name
from secantus_server.errors import CommandError

cdef extern from *:
    """
    #define checked_add(a, b, out) __builtin_add_overflow(a, b, out)
    #define checked_subtract(a, b, out) __builtin_sub_overflow(a, b, out)
    #define checked_multiply(a, b, out) __builtin_mul_overflow(a, b, out)
    """
    bint checked_add(int64_t a, int64_t b, int64_t* out) nogil
    bint checked_subtract(int64_t a, int64_t b, int64_t* out) nogil
    bint checked_multiply(int64_t a, int64_t b, int64_t* out) nogil

cdef enum:
    NOT_A_NUMBER = 0
    INT = 1
    LONG = 2
    DOUBLE = 3
    DECIMAL = 4

cdef object LONG_TYPE = Int64
cdef object DECIMAL_TYPE = Decimal128
cdef object DATE_TYPE = Date
cdef object CONTEXT = DECIMAL_CONTEXT
cdef object as_decimal = to_decimal


cdef inline int width_of(object value):
    """Return the rank of a value's numeric type, or NOT_A_NUMBER. Wider types have greater ranks."""
    kind = type(value)
    if kind is int:
        return INT
    if kind is float:
        return DOUBLE
    if kind is LONG_TYPE:
        return LONG
    if kind is DECIMAL_TYPE:
        return DECIMAL
    return NOT_A_NUMBER


cdef inline bint is_nullish(object value):
    return value is None or value is MISSING or value is UNDEFINED


cdef inline object whole_number(int64_t number, int width):
    """Return a result as an int if the operands were ints and it fits into an int, otherwise as a long."""
    if width == INT and INT32_MIN <= number <= INT32_MAX:
        return number
    return LONG_TYPE(number)


cdef object decimal_value(object number):
    return DECIMAL_TYPE(number)


cdef object date_of(object number, str operator):
    """Convert a number of milliseconds to a date. Round a double half away from zero, and a decimal half to even."""
    cdef double milliseconds
    kind = type(number)
    if kind is float:
        milliseconds = number
        # The upper bound 2**63 is the smallest double that is greater than every long.
        if not -9223372036854775808.0 <= milliseconds < 9223372036854775808.0:
            raise CommandError(15, f"date overflow in {operator}")
        return DATE_TYPE(llround(milliseconds))
    if kind is DECIMAL_TYPE:
        exact = number.to_decimal()
        if not exact.is_finite():
            raise CommandError(15, f"date overflow in {operator}")
        number = int(exact.to_integral_value(decimal_module.ROUND_HALF_EVEN))
    if not INT64_MIN <= number <= INT64_MAX:
        raise CommandError(15, f"date overflow in {operator}")
    return DATE_TYPE(int(number))


cdef object add_numbers(object a, object b):
    cdef int width = max(width_of(a), width_of(b))
    cdef int64_t result
    if width == DOUBLE:
        return <double>a + <double>b
    if width == DECIMAL:
        return decimal_value(CONTEXT.add(as_decimal(a), as_decimal(b)))
    if checked_add(<int64_t>a, <int64_t>b, &result):
        return <double><int64_t>a + <double><int64_t>b
    return whole_number(result, width)


cdef object subtract_numbers(object a, object b):
    cdef int width = max(width_of(a), width_of(b))
    cdef int64_t result
    if width == DOUBLE:
        return <double>a - <double>b
    if width == DECIMAL:
        return decimal_value(CONTEXT.subtract(as_decimal(a), as_decimal(b)))
    if checked_subtract(<int64_t>a, <int64_t>b, &result):
        return <double><int64_t>a - <double><int64_t>b
    return whole_number(result, width)


cdef object multiply_numbers(object a, object b):
    cdef int width = max(width_of(a), width_of(b))
    cdef int64_t result
    if width == DOUBLE:
        return <double>a * <double>b
    if width == DECIMAL:
        return decimal_value(CONTEXT.multiply(as_decimal(a), as_decimal(b)))
    if checked_multiply(<int64_t>a, <int64_t>b, &result):
        return <double><int64_t>a * <double><int64_t>b
    return whole_number(result, width)


cdef inline double real_of(const Computed* number) noexcept nogil:
    return number.real if number.type == BSON_DOUBLE else <double>number.whole


cdef inline void set_real(Computed* out, double number) noexcept nogil:
    out.type = BSON_DOUBLE
    out.real = number


cdef inline void set_whole(Computed* out, int64_t number, bint both_ints) noexcept nogil:
    """Set a result as `whole_number` returns it."""
    out.type = BSON_INT if both_ints and INT32_MIN <= number <= INT32_MAX else BSON_LONG
    out.whole = number


cdef inline void apply_to_computed(char operation, const Computed* a, const Computed* b, Computed* out) noexcept nogil:
    """Add, subtract or multiply two numbers, none of which is a decimal. `out` may be one of them."""
    cdef int64_t result
    cdef bint both_ints = a.type == BSON_INT and b.type == BSON_INT
    cdef bint is_double = a.type == BSON_DOUBLE or b.type == BSON_DOUBLE
    if operation == b"+":
        if is_double or checked_add(a.whole, b.whole, &result):
            set_real(out, real_of(a) + real_of(b))
            return
    elif operation == b"-":
        if is_double or checked_subtract(a.whole, b.whole, &result):
            set_real(out, real_of(a) - real_of(b))
            return
    elif is_double or checked_multiply(a.whole, b.whole, &result):
        set_real(out, real_of(a) * real_of(b))
        return
    set_whole(out, result, both_ints)


cdef int compute_all(char operation, tuple operands, const uint8_t* doc, Writer text, Computed* out) except -1:
    """Compute the sum or product of all operands. Return 0 if one of them is none of the numbers that `compute` returns."""
    cdef Computed value
    # -0.0 is a sum of one operand, which is 0.0 after an addition to 0.
    cdef bint is_first_term = operation == b"+"
    set_whole(out, 0 if is_first_term else 1, True)
    for operand in operands:
        if not (<Expression>operand).compute(doc, text, &value):
            return 0
        if is_nothing(&value):
            out.type = BSON_NULL
            return 1
        if value.type == BSON_STRING:
            return 0
        if is_first_term:
            out[0] = value
            is_first_term = False
        else:
            apply_to_computed(operation, out, &value, out)
    return 1


cdef int compute_both(BinaryOperation node, const uint8_t* doc, Writer text, Computed* a, Computed* b) except -1:
    """Compute both operands. Return 0 unless both are numbers or one of them is null; `a` is null then."""
    cdef size_t start = text.size
    if not node.first.compute(doc, text, a) or not node.second.compute(doc, text, b):
        return 0
    if is_nothing(a) or is_nothing(b):
        text.size = start
        a.type = BSON_NULL
        return 1
    return a.type != BSON_STRING and b.type != BSON_STRING


def add(a, b):
    """Return the sum of two numbers, with MongoDB's result type."""
    return add_numbers(a, b)


def multiply(a, b):
    """Return the product of two numbers, with MongoDB's result type."""
    return multiply_numbers(a, b)


cdef class Add(Operation):
    """`$add`: the sum of numbers and at most one date."""

    cpdef object evaluate(self, bytes doc):
        cdef object total = None, date = None
        for operand in self.operands:
            value = (<Expression>operand).evaluate(doc)
            if is_nullish(value):
                return None
            if type(value) is DATE_TYPE:
                if date is not None:
                    raise CommandError(16612, "only one date allowed in an $add expression")
                date = value
                continue
            if width_of(value) == NOT_A_NUMBER:
                raise CommandError(14, f"$add only supports numeric or date types, not {type_name(value)}")
            total = value if total is None else add_numbers(total, value)
        if date is not None:
            return date if total is None else date_plus(date, total)
        return 0 if total is None else total

    cdef bint can_compute(self):
        return all_can_compute(self.operands)

    cdef int compute(self, const uint8_t* doc, Writer text, Computed* out) except -1:
        return compute_all(b"+", self.operands, doc, text, out)


cdef class Subtract(BinaryOperation):
    """`$subtract`: number - number, date - number, or date - date."""

    cpdef object evaluate(self, bytes doc):
        a = self.first.evaluate(doc)
        b = self.second.evaluate(doc)
        if width_of(a) and width_of(b):
            return subtract_numbers(a, b)
        if is_nullish(a) or is_nullish(b):
            return None
        if type(a) is DATE_TYPE:
            if type(b) is DATE_TYPE:
                return int_difference(a.ms, b.ms)
            if width_of(b):
                return date_minus(a.ms, b)
        raise CommandError(14, f"can't $subtract {type_name(b)} from {type_name(a)}")

    cdef bint can_compute(self):
        return self.first.can_compute() and self.second.can_compute()

    cdef int compute(self, const uint8_t* doc, Writer text, Computed* out) except -1:
        cdef Computed other
        if not compute_both(self, doc, text, out, &other):
            return 0
        if out.type != BSON_NULL:
            apply_to_computed(b"-", out, &other, out)
        return 1


cdef object int_difference(object a, object b):
    """Return the difference between two dates in milliseconds, as a long."""
    if not INT64_MIN <= a - b <= INT64_MAX:
        raise CommandError(15, "date overflow in $subtract")
    return LONG_TYPE(a - b)


cdef object date_minus(object milliseconds, object number):
    """Subtract a number of milliseconds, rounded to a whole number, from a date."""
    return date_of(milliseconds - date_of(number, "$subtract").ms, "$subtract")


cdef object date_plus(object date, object number):
    """Add a number of milliseconds to a date. A double is rounded before the addition. With a decimal, the sum is rounded instead."""
    if type(number) is DECIMAL_TYPE:
        return date_of(add_numbers(LONG_TYPE(date.ms), number), "$add")
    return date_of(date.ms + date_of(number, "$add").ms, "$add")


cdef class Multiply(Operation):
    """`$multiply`: the product of numbers."""

    cpdef object evaluate(self, bytes doc):
        cdef object product = 1
        for operand in self.operands:
            value = (<Expression>operand).evaluate(doc)
            if is_nullish(value):
                return None
            if width_of(value) == NOT_A_NUMBER:
                raise CommandError(14, f"$multiply only supports numeric types, not {type_name(value)}")
            product = multiply_numbers(product, value)
        return product

    cdef bint can_compute(self):
        return all_can_compute(self.operands)

    cdef int compute(self, const uint8_t* doc, Writer text, Computed* out) except -1:
        return compute_all(b"*", self.operands, doc, text, out)


cdef class Divide(BinaryOperation):
    """`$divide`: the quotient of two numbers, which is a double unless one of them is a decimal."""

    cpdef object evaluate(self, bytes doc):
        a = self.first.evaluate(doc)
        b = self.second.evaluate(doc)
        cdef int width = max(width_of(a), width_of(b))
        if width_of(a) and width_of(b):
            if width == DECIMAL:
                return divide_decimals(as_decimal(a), as_decimal(b))
            if b == 0:
                raise CommandError(2, "can't $divide by zero")
            return <double>a / <double>b
        if is_nullish(a) or is_nullish(b):
            return None
        raise CommandError(14, f"$divide only supports numeric types, not {type_name(a)} and {type_name(b)}")

    cdef bint can_compute(self):
        return self.first.can_compute() and self.second.can_compute()

    cdef int compute(self, const uint8_t* doc, Writer text, Computed* out) except -1:
        cdef Computed divisor
        if not compute_both(self, doc, text, out, &divisor):
            return 0
        if out.type != BSON_NULL:
            if real_of(&divisor) == 0:
                return 0
            set_real(out, real_of(out) / real_of(&divisor))
        return 1


cdef object divide_decimals(object a, object b):
    if b.is_zero():
        raise CommandError(2, "can't $divide by zero")
    return decimal_value(CONTEXT.divide(a, b))


cdef class Sum:
    """A running sum and average of numbers.

    Whole numbers are summed exactly. Doubles use compensated summation: a second double accumulates the rounding errors, so that the order
    of the values hardly matters. Decimals are summed separately.
    """

    def __init__(self):
        self.whole = 0
        self.big = None
        self.high = self.low = self.special = 0.0
        self.decimals = None
        self.width = INT
        self.count = 0

    cpdef bint add(self, object value) except -1:
        """Add a value if it is a number. Otherwise return False."""
        cdef int width = width_of(value)
        if width == NOT_A_NUMBER:
            return False
        if width > self.width:
            self.width = width
        self.count += 1
        if width == DOUBLE:
            self.add_double(<double>value)
        elif width == DECIMAL:
            number = value.to_decimal()
            self.decimals = number if self.decimals is None else CONTEXT.add(self.decimals, number)
        elif checked_add(self.whole, <int64_t>value, &self.whole):
            # The sum has wrapped around by 2**64. `big` accumulates such differences.
            self.big = (self.big or 0) + (2**64 if value > 0 else -(2**64))
        return True

    cdef bint add_computed(self, const Computed* value) except -1:
        """Add a computed value if it is a number. Otherwise return False."""
        cdef int width = INT if value.type == BSON_INT else LONG if value.type == BSON_LONG else DOUBLE
        if is_nothing(value) or value.type == BSON_STRING:
            return False
        if width > self.width:
            self.width = width
        self.count += 1
        if width == DOUBLE:
            self.add_double(value.real)
        elif checked_add(self.whole, value.whole, &self.whole):
            self.big = (self.big or 0) + (2**64 if value.whole > 0 else -(2**64))
        return True

    cpdef bint add_to_mean(self, object value) except -1:
        """Add a value for `average`. Unlike `add`, convert whole numbers to the nearest doubles."""
        if INT <= width_of(value) <= LONG:
            value = <double>value
        return self.add(value)

    cdef void add_double(self, double value) noexcept:
        cdef double total, part
        if not isfinite(value):
            self.special += value
            return
        total = self.high + value
        part = total - self.high
        self.low += (self.high - (total - part)) + (value - part)
        self.high = total

    cdef object exact_whole(self):
        return self.whole if self.big is None else self.whole + self.big

    cdef double as_double(self):
        cdef double high = self.high, low = self.low, total, part, whole
        if self.special != 0.0 or self.special != self.special:
            return self.special
        exact = self.exact_whole()
        if exact:
            whole = float(exact)
            total = high + whole
            part = total - high
            low += (high - (total - part)) + (whole - part) + float(exact - int(whole))
            high = total
        # After an overflow, the compensation is meaningless.
        return high + low if isfinite(high) else high

    cdef object as_decimal(self):
        if self.special != 0.0 or self.special != self.special:
            total = decimal_module.Decimal(self.special)
        else:
            total = CONTEXT.add(decimal_module.Decimal(self.exact_whole()), CONTEXT.create_decimal(self.high))
            total = CONTEXT.add(total, CONTEXT.create_decimal(self.low))
        return total if self.decimals is None else CONTEXT.add(self.decimals, total)

    cpdef object total(self):
        """Return the sum in the widest type of the added values. On overflow, an int widens to long, and a long to double."""
        if self.width == DECIMAL:
            return decimal_value(self.as_decimal())
        if self.width == DOUBLE:
            return self.as_double()
        exact = self.exact_whole()
        if not INT64_MIN <= exact <= INT64_MAX:
            return float(exact)
        return whole_number(exact, self.width)

    cpdef object average(self):
        """Return the mean as a double or decimal, or null if no number was added."""
        if self.count == 0:
            return None
        if self.width == DECIMAL:
            return decimal_value(CONTEXT.divide(self.as_decimal(), decimal_module.Decimal(self.count)))
        return self.as_double() / self.count
