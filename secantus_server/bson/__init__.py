"""Raw BSON: the Python types of BSON values, and functions that traverse, build, compare and sort raw BSON.

https://bsonspec.org/spec.html
"""

from secantus_server.bson._codec import RawArray, RawDocument, decode, decode_stored, decode_unique, encode, make_timestamp
from secantus_server.bson._compare import compare_values, values_equal
from secantus_server.bson._keystring import key_string
from secantus_server.bson._validate import validate
from secantus_server.bson.numbers import int_value, to_decimal
from secantus_server.bson.values import canonical_type, is_number, type_code, type_name

__all__ = [
    "RawArray",
    "RawDocument",
    "canonical_type",
    "compare_values",
    "decode",
    "decode_stored",
    "decode_unique",
    "encode",
    "int_value",
    "is_number",
    "key_string",
    "make_timestamp",
    "to_decimal",
    "type_code",
    "type_name",
    "validate",
    "values_equal",
]
