# cython: language_level=3, boundscheck=False, wraparound=False
"""The match nodes of `$geoWithin`, `$geoIntersects`, `$near` and `$nearSphere`. The geometry code that they call is Python."""

from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport uint8_t

from secantus_server.bson._codec cimport decode_element
from secantus_server.bson._raw cimport Element
from secantus_server.bson._types cimport BSON_ARRAY, BSON_DOCUMENT
from secantus_server.mql.match._nodes cimport PathMatch


cdef class GeoMatch(PathMatch):
    """A node that matches if a geometry at the path is within a region or intersects it.

    Arguments:
        path: the dotted path.
        operator: `$geoWithin` or `$geoIntersects`.
        region: the query's geometry, box, circle, polygon or spherical cap.
        test: returns whether a value is a geometry that satisfies the condition.
        spec: the region as the user wrote it.
    """

    cdef readonly str operator
    cdef readonly object region
    cdef readonly dict spec
    cdef object test

    def __init__(self, str path not None, str operator not None, region, test, dict spec not None):
        self.set_path(path, True)
        self.operator = operator
        self.region = region
        self.test = test
        self.spec = spec

    def predicate(self):
        return {self.operator: self.spec}

    cdef bint matches_element(self, const Element* element) except -1:
        # Test only arrays and documents, because other values cannot be geometries.
        return (element.type == BSON_DOCUMENT or element.type == BSON_ARRAY) and self.test(decode_element(element))


cdef class GeoNear(PathMatch):
    """A node that matches if the distance from a point to a geometry at the path is within limits.

    The executor sorts the documents by `distance`.

    Arguments:
        path: the dotted path.
        point: longitude and latitude, or x and y.
        spherical: whether distances are measured on the sphere.
        min_distance, max_distance: the limits, both inclusive.
        measure: returns the distance of a value, or None if the value is not a geometry.
        spec: the operator as the user wrote it.
    """

    cdef readonly tuple point
    cdef readonly bint spherical
    cdef readonly double min_distance
    cdef readonly double max_distance
    cdef readonly dict spec
    cdef object measure
    cdef object nearest

    def __init__(self, str path not None, tuple point not None, bint spherical, double min_distance, double max_distance, measure, dict spec not None):
        self.set_path(path, True)
        self.point = point
        self.spherical = spherical
        self.min_distance = min_distance
        self.max_distance = max_distance
        self.measure = measure
        self.spec = spec

    def predicate(self):
        return self.spec

    def distance(self, bytes doc not None):
        """Return the distance of the nearest geometry at the path, or None if the document does not match.

        The unit is metres for a GeoJSON point, radians for legacy coordinates on the sphere, and otherwise the unit of the coordinates.
        """
        return self.nearest_distance(<const uint8_t*>PyBytes_AS_STRING(doc))

    cdef object nearest_distance(self, const uint8_t* doc):
        # `matches_element` stores the nearest distance in `nearest`. It always returns false, so that the walk visits every geometry.
        self.nearest = None
        self.walk_document(doc, 0, NULL)
        if self.nearest is None or not (self.min_distance <= self.nearest <= self.max_distance):
            return None
        return self.nearest

    cdef bint matches_raw(self, const uint8_t* doc) except -1:
        return self.nearest_distance(doc) is not None

    cdef bint matches_element(self, const Element* element) except -1:
        if element.type == BSON_DOCUMENT or element.type == BSON_ARRAY:
            found = self.measure(decode_element(element))
            if found is not None and (self.nearest is None or found < self.nearest):
                self.nearest = found
        return False
