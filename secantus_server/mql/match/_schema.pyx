# cython: language_level=3, boundscheck=False, wraparound=False
"""The rules of `$jsonSchema` on stored bytes.

A rule checks whether a value satisfies one keyword. A rule for one type accepts values of every other type, as JSON Schema requires.
https://www.mongodb.com/docs/manual/reference/operator/query/jsonSchema/
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libc.string cimport memset

from secantus_server.bson._codec cimport decode_element, decode_stored_element
from secantus_server.bson._raw cimport Element, document_length, find_field, first_element, next_element, read_int32
from secantus_server.bson._types cimport BSON_ARRAY, BSON_DECIMAL, BSON_DOCUMENT, BSON_DOUBLE, BSON_INT, BSON_LONG, BSON_STRING
from secantus_server.mql.match._nodes cimport MatchExpression
from secantus_server.mql.regex._pattern cimport Pattern

from secantus_server.bson import key_string
from secantus_server.mql.match.schema_values import is_multiple, without_order


cdef class Rule:
    """A requirement on a value."""

    cdef bint accepts(self, const Element* value) except -1:
        raise NotImplementedError


cdef tuple as_rules(object children):
    """Return the children as a tuple. Check their types first, because compiled code casts them to rules without a check."""
    cdef tuple rules = tuple(children)
    for child in rules:
        assert isinstance(child, Rule), child
    return rules


cdef class JsonSchema(MatchExpression):
    """A node that matches if the document is valid against a schema.

    Arguments:
        rule: the parsed schema.
        spec: the schema as the user wrote it.
    """

    cdef readonly Rule rule
    cdef readonly dict spec

    def __init__(self, Rule rule not None, dict spec not None):
        self.rule = rule
        self.spec = spec

    def serialize(self):
        return {"$jsonSchema": self.spec}

    cdef bint matches_raw(self, const uint8_t* doc) except -1:
        cdef Element whole
        whole.start = doc
        whole.type = BSON_DOCUMENT
        whole.name = b""
        whole.name_len = 0
        whole.value = doc
        whole.value_len = document_length(doc)
        return self.rule.accepts(&whole)


# ---------------------------------------------------------------- rules for any value


cdef class AllRule(Rule):
    """A rule that requires all children to accept the value, for the keywords of one schema and for `allOf`."""

    cdef tuple children

    def __init__(self, children):
        self.children = as_rules(children)

    cdef bint accepts(self, const Element* value) except -1:
        for child in self.children:
            if not (<Rule>child).accepts(value):
                return False
        return True


cdef class CountRule(Rule):
    """A rule that limits how many children may accept the value, for `anyOf`, `oneOf` and `not`."""

    cdef tuple children
    cdef Py_ssize_t minimum
    cdef Py_ssize_t maximum

    def __init__(self, children, Py_ssize_t minimum, Py_ssize_t maximum):
        self.children = as_rules(children)
        self.minimum = minimum
        self.maximum = maximum

    cdef bint accepts(self, const Element* value) except -1:
        cdef Py_ssize_t count = 0
        for child in self.children:
            count += (<Rule>child).accepts(value)
        return self.minimum <= count <= self.maximum


cdef class TypeRule(Rule):
    """`bsonType` and `type`: the value has one of several BSON types."""

    cdef uint8_t[256] wanted

    def __init__(self, codes):
        memset(self.wanted, 0, 256)
        for code in codes:
            self.wanted[<uint8_t>code] = 1

    cdef bint accepts(self, const Element* value) except -1:
        return self.wanted[value.type]


cdef class EnumRule(Rule):
    """`enum`: the value equals one of the listed values, ignoring the field order of documents."""

    cdef frozenset keys

    def __init__(self, values):
        self.keys = frozenset(key_string(without_order(value)) for value in values)

    cdef bint accepts(self, const Element* value) except -1:
        return key_string(without_order(decode_stored_element(value))) in self.keys


# ---------------------------------------------------------------- numbers and strings


cdef class NumberRule(Rule):
    """`minimum` and `maximum`: a number satisfies a comparison."""

    cdef MatchExpression comparison

    def __init__(self, MatchExpression comparison not None):
        self.comparison = comparison

    cdef bint accepts(self, const Element* value) except -1:
        if value.type != BSON_INT and value.type != BSON_DOUBLE and value.type != BSON_LONG and value.type != BSON_DECIMAL:
            return True
        return self.comparison.matches_element(value)


cdef class MultipleRule(Rule):
    """`multipleOf`: a number is a multiple of the divisor."""

    cdef object divisor

    def __init__(self, divisor):
        self.divisor = divisor

    cdef bint accepts(self, const Element* value) except -1:
        if value.type != BSON_INT and value.type != BSON_DOUBLE and value.type != BSON_LONG and value.type != BSON_DECIMAL:
            return True
        return is_multiple(decode_element(value), self.divisor)


cdef class LengthRule(Rule):
    """`minLength` and `maxLength`: a string's number of characters is within limits."""

    cdef int64_t minimum
    cdef int64_t maximum

    def __init__(self, int64_t minimum, int64_t maximum):
        self.minimum = minimum
        self.maximum = maximum

    cdef bint accepts(self, const Element* value) except -1:
        cdef int64_t count = 0
        cdef int32_t i
        if value.type != BSON_STRING:
            return True
        for i in range(read_int32(value.value) - 1):
            # Count characters. Every byte starts one, except UTF-8 continuation bytes.
            count += (value.value[4 + i] & 0xC0) != 0x80
        return self.minimum <= count <= self.maximum


cdef class PatternRule(Rule):
    """`pattern`: a string matches a regular expression."""

    cdef MatchExpression regex

    def __init__(self, MatchExpression regex not None):
        self.regex = regex

    cdef bint accepts(self, const Element* value) except -1:
        return value.type != BSON_STRING or self.regex.matches_element(value)


# ---------------------------------------------------------------- arrays


cdef class SizeRule(Rule):
    """`minItems` and `maxItems`, or `minProperties` and `maxProperties`: the number of an array's elements or of a document's fields is
    within limits.
    """

    cdef uint8_t type
    cdef int64_t minimum
    cdef int64_t maximum

    def __init__(self, uint8_t type, int64_t minimum, int64_t maximum):
        self.type = type
        self.minimum = minimum
        self.maximum = maximum

    cdef bint accepts(self, const Element* value) except -1:
        cdef Element element
        cdef const uint8_t* cursor
        cdef int64_t count = 0
        if value.type != self.type:
            return True
        cursor = first_element(value.value)
        while next_element(&cursor, &element):
            count += 1
        return self.minimum <= count <= self.maximum


cdef class UniqueRule(Rule):
    """`uniqueItems`: no two elements of an array are equal, ignoring the field order of documents."""

    cdef bint accepts(self, const Element* value) except -1:
        cdef Element element
        cdef const uint8_t* cursor
        cdef set seen = set()
        cdef Py_ssize_t count = 0
        if value.type != BSON_ARRAY:
            return True
        cursor = first_element(value.value)
        while next_element(&cursor, &element):
            seen.add(key_string(without_order(decode_stored_element(&element))))
            count += 1
        return len(seen) == count


cdef class ItemsRule(Rule):
    """`items` and `additionalItems`: one rule per position for the first elements, and one for the rest.

    Arguments:
        first: the rules of the first elements.
        others: the rule of all other elements, or None.
    """

    cdef tuple first
    cdef Rule others

    def __init__(self, first, Rule others):
        self.first = as_rules(first)
        self.others = others

    cdef bint accepts(self, const Element* value) except -1:
        cdef Element element
        cdef const uint8_t* cursor
        cdef Py_ssize_t index = 0
        if value.type != BSON_ARRAY:
            return True
        cursor = first_element(value.value)
        while next_element(&cursor, &element):
            if index < len(self.first):
                if not (<Rule>self.first[index]).accepts(&element):
                    return False
            elif self.others is None:
                return True
            elif not self.others.accepts(&element):
                return False
            index += 1
        return True


# ---------------------------------------------------------------- documents


cdef class RequiredRule(Rule):
    """`required`: a document has all listed fields."""

    cdef tuple names

    def __init__(self, names):
        self.names = tuple(name.encode("utf-8", "surrogateescape") for name in names)

    cdef bint accepts(self, const Element* value) except -1:
        cdef Element element
        if value.type != BSON_DOCUMENT:
            return True
        for name in self.names:
            if not find_field(value.value, <const char*>(<bytes>name), <uint32_t>len(<bytes>name), &element):
                return False
        return True


cdef class DependencyRule(Rule):
    """`dependencies`: a document that has the field satisfies the rule."""

    cdef bytes name
    cdef Rule rule

    def __init__(self, str name not None, Rule rule not None):
        self.name = name.encode("utf-8", "surrogateescape")
        self.rule = rule

    cdef bint accepts(self, const Element* value) except -1:
        cdef Element element
        if value.type != BSON_DOCUMENT or not find_field(value.value, <const char*>self.name, <uint32_t>len(self.name), &element):
            return True
        return self.rule.accepts(value)


cdef class PropertiesRule(Rule):
    """`properties`, `patternProperties` and `additionalProperties`: rules for the fields of a document.

    Arguments:
        named: the rule of each named field.
        patterns: pairs of a compiled regular expression and the rule for the fields whose names match it.
        others: the rule of fields that are not named and match no pattern, or None.
    """

    cdef dict named
    cdef list patterns
    cdef Rule others

    def __init__(self, dict named not None, list patterns not None, Rule others):
        as_rules(named.values())
        as_rules(rule for pattern, rule in patterns)
        assert all(isinstance(pattern, Pattern) for pattern, rule in patterns), patterns
        self.named = {name.encode("utf-8", "surrogateescape"): rule for name, rule in named.items()}
        self.patterns = patterns
        self.others = others

    cdef bint accepts(self, const Element* value) except -1:
        cdef Element element
        cdef const uint8_t* cursor
        if value.type != BSON_DOCUMENT:
            return True
        cursor = first_element(value.value)
        while next_element(&cursor, &element):
            if not self.accepts_field(&element):
                return False
        return True

    cdef bint accepts_field(self, const Element* element) except -1:
        cdef bytes name = element.name[:element.name_len]
        cdef object rule = self.named.get(name)
        cdef bint known = rule is not None
        if known and not (<Rule>rule).accepts(element):
            return False
        for pattern, rule in self.patterns:
            if (<Pattern>pattern).matches_bytes(<const uint8_t*>element.name, element.name_len):
                known = True
                if not (<Rule>rule).accepts(element):
                    return False
        return known or self.others is None or self.others.accepts(element)
