# cython: language_level=3
"""The parser of a command's fields, compiled because it runs for every command."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from secantus_server.bson._raw cimport Element, find_field, read_int32
from secantus_server.bson._types cimport BSON_BINARY, BSON_DECIMAL, BSON_DOCUMENT, BSON_DOUBLE, BSON_INT, BSON_LONG, BSON_TIMESTAMP

from secantus_server.dispatch.argument_values import as_anything
from secantus_server.errors import CommandError


def session_uuid(bytes session not None):
    """Return the 16 bytes of the `id` of an `lsid` document, or None if the `id` is not a UUID.

    Arguments:
        session: valid BSON.
    """
    cdef Element element
    if not find_field(<const uint8_t*>PyBytes_AS_STRING(session), "id", 2, &element):
        return None
    # Binary data consists of a length (4 bytes), a subtype (1 byte) and the data.
    if element.type != BSON_BINARY or read_int32(element.value) != 16 or element.value[4] != 4:
        return None
    return PyBytes_FromStringAndSize(<const char*>element.value + 5, 16)


def cluster_time_stamp(bytes cluster_time not None):
    """Return the timestamp of a `$clusterTime` document as a 64-bit number, or None if the document is malformed.

    Arguments:
        cluster_time: valid BSON.
    """
    cdef Element element
    cdef const uint8_t* data = <const uint8_t*>PyBytes_AS_STRING(cluster_time)
    cdef uint64_t stamp
    if not find_field(data, "clusterTime", 11, &element) or element.type != BSON_TIMESTAMP:
        return None
    # The increment is the lower half of a little-endian timestamp, so it comes first.
    stamp = (<uint64_t><uint32_t>read_int32(element.value + 4) << 32) | <uint32_t>read_int32(element.value)
    if find_field(data, "signature", 9, &element):
        if element.type != BSON_DOCUMENT or not is_signature(element.value):
            return None
    return stamp


cdef bint is_signature(const uint8_t* document):
    """Return whether a document has the fields of a signed cluster time's signature: a binary `hash` and a numeric `keyId`.

    The server sends `keyId` as a long, but drivers for languages with only one number type send it back as an int or a double.
    """
    cdef Element element
    if not find_field(document, "hash", 4, &element) or element.type != BSON_BINARY:
        return False
    return find_field(document, "keyId", 5, &element) and element.type in (BSON_LONG, BSON_INT, BSON_DOUBLE, BSON_DECIMAL)


cdef class Declared:
    """A declared field (see `arguments.Field`) in the form that `FieldTable.parse` needs."""

    cdef str full_name
    cdef object check
    cdef object usual
    cdef bint null_is_absent
    cdef bint is_bounded
    cdef int64_t minimum
    cdef int64_t maximum
    # Whether every command accepts the field. The values of such fields are not returned.
    cdef bint is_generic

    def __init__(self, str full_name, field, bint is_generic):
        self.full_name = full_name
        # A field that accepts anything is not checked.
        self.check = None if field.check is as_anything else field.check
        self.usual = field.usual
        self.null_is_absent = field.null_is_absent
        self.is_bounded = field.bounds is not None
        if self.is_bounded:
            self.minimum, self.maximum = field.bounds
        self.is_generic = is_generic

    cdef bint accepts(self, value):
        """Return whether a value is valid without a call of the check."""
        if type(value) is not self.usual:
            return self.check is None
        return not self.is_bounded or self.minimum <= <int64_t>value <= self.maximum


cdef class FieldTable:
    """The declared fields of a document; see `arguments.Arguments`.

    Arguments:
        name: the prefix of field names in errors.
        fields: the declared fields by name.
        generic: the fields that every command accepts, by name; empty if they are not allowed here.
    """

    cdef readonly str name
    cdef readonly dict fields
    cdef dict declared
    cdef dict defaults
    cdef list required

    def __init__(self, str name not None, dict fields not None, dict generic not None):
        self.name = name
        self.fields = fields
        self.declared = {key: Declared(f"{name}.{key}", field, True) for key, field in generic.items()}
        self.declared.update({key: Declared(f"{name}.{key}", field, False) for key, field in fields.items()})
        self.defaults = {key: field.default for key, field in fields.items()}
        self.required = [key for key, field in fields.items() if field.required]

    def parse(self, dict body not None, str skip=""):
        """Return the values of all declared fields, defaults included.

        Arguments:
            body: the document.
            skip: a key to ignore, such as the command's own name.

        Raises:
            CommandError: 40415 for an unknown field, 40414 for a missing one, 14 for a wrong type, 2 for a value out of bounds.
        """
        cdef dict values = self.defaults.copy()
        cdef Declared field
        for key, value in body.items():
            if key == skip:
                continue
            found = self.declared.get(key)
            if found is None:
                raise CommandError(40415, f"BSON field '{self.name}.{key}' is an unknown field.")
            field = <Declared>found
            if field.is_generic:
                if value is not None and not field.accepts(value):
                    field.check(field.full_name, value)
            elif value is None and field.null_is_absent:
                continue
            else:
                values[key] = value if field.accepts(value) else field.check(field.full_name, value)
        for key in self.required:
            if values[key] is None or key not in body:
                raise CommandError(40414, f"BSON field '{self.name}.{key}' is missing but a required field")
        return values
