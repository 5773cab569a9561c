# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Computes the cells of 2dsphere indexes (S2 cells), coverings of regions with cells, and the hashes of 2d indexes.

https://s2geometry.io/devguide/s2cell_hierarchy

The sphere is projected onto the six faces of a cube. Each face is divided into four cells, each of these into four, and so on for 30
levels. A Hilbert curve numbers the cells, so that all cells inside a cell have adjacent ids. An id has 64 bits: the number of the face, two
bits for each level, and a final 1.

A covering contains every point of its region, and possibly more points. A cell is left out only if its bounding cap is certainly outside
the region.
"""

from libc.math cimport M_PI, atan2, cos, fabs, sin, sqrt
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, malloc

cdef enum:
    MAX_LEVEL = 30
    SWAPPED = 1
    INVERTED = 2

cdef enum Overlap:
    OUTSIDE
    PARTLY
    INSIDE

# A margin in radians, about 6 mm on the earth. It is greater than the rounding errors of the computations here.
cdef double MARGIN = 1e-9
cdef double RADIANS = M_PI / 180

cdef int[4][4] PLACE_OF_TURN = [[0, 1, 3, 2], [0, 2, 3, 1], [3, 2, 0, 1], [3, 1, 0, 2]]
cdef int[4][4] TURN_OF_PLACE = [[0, 1, 3, 2], [0, 3, 1, 2], [2, 3, 1, 0], [2, 1, 3, 0]]
cdef int[4] ORIENTATION_CHANGE = [SWAPPED, 0, 0, INVERTED | SWAPPED]


cdef struct Point:
    double x
    double y
    double z


cdef struct Edge:
    Point a
    Point b
    # The unit normal of the edge's great circle; zero if the end points are equal or opposite.
    Point normal
    # The end points, projected onto the plane in which a point is located as inside or outside.
    double x0
    double y0
    double x1
    double y1


# ---------------------------------------------------------------- vectors


cdef inline double dot(Point a, Point b) noexcept nogil:
    return a.x * b.x + a.y * b.y + a.z * b.z


cdef inline Point cross(Point a, Point b) noexcept nogil:
    return Point(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x)


cdef inline Point unit(Point a) noexcept nogil:
    cdef double length = sqrt(dot(a, a))
    return Point(a.x / length, a.y / length, a.z / length) if length > 0 else a


cdef inline double angle(Point a, Point b) noexcept nogil:
    cdef Point normal = cross(a, b)
    return atan2(sqrt(dot(normal, normal)), dot(a, b))


cdef double edge_distance(Point p, const Edge* edge) noexcept nogil:
    """Return the distance from a point to an edge, by the same definition as `sphere.edge_distance`."""
    cdef double height
    if dot(edge.normal, edge.normal) > 0 and dot(cross(edge.normal, edge.a), p) > 0 > dot(cross(edge.normal, edge.b), p):
        height = fabs(dot(edge.normal, p))
        return atan2(height, sqrt(max(0.0, 1 - height * height)))
    return min(angle(p, edge.a), angle(p, edge.b))


cdef Point to_point(tuple vector) except *:
    return Point(vector[0], vector[1], vector[2])


# ---------------------------------------------------------------- cells


cdef inline uint64_t lowest_bit(uint64_t cell) noexcept nogil:
    return cell & (~cell + 1)


cdef int level(uint64_t cell) noexcept nogil:
    cdef int found = MAX_LEVEL
    while not cell & 1:
        cell >>= 2
        found -= 1
    return found


cdef inline double to_st(double u) noexcept nogil:
    return 0.5 * sqrt(1 + 3 * u) if u >= 0 else 1 - 0.5 * sqrt(1 - 3 * u)


cdef inline double to_uv(double s) noexcept nogil:
    return (4 * s * s - 1) / 3 if s >= 0.5 else (1 - 4 * (1 - s) * (1 - s)) / 3


cdef inline int64_t to_ij(double s) noexcept nogil:
    cdef int64_t found = <int64_t>(s * (1 << MAX_LEVEL))
    return 0 if s <= 0 else (1 << MAX_LEVEL) - 1 if found >= 1 << MAX_LEVEL else found


cdef int face_of(Point p) noexcept nogil:
    cdef double x = fabs(p.x), y = fabs(p.y), z = fabs(p.z)
    if x > y and x > z:
        return 0 if p.x > 0 else 3
    if y > z:
        return 1 if p.y > 0 else 4
    return 2 if p.z > 0 else 5


cdef void project(Point p, int face, double* u, double* v) noexcept nogil:
    if face == 0:
        u[0], v[0] = p.y / p.x, p.z / p.x
    elif face == 1:
        u[0], v[0] = -p.x / p.y, p.z / p.y
    elif face == 2:
        u[0], v[0] = -p.x / p.z, -p.y / p.z
    elif face == 3:
        u[0], v[0] = p.z / p.x, p.y / p.x
    elif face == 4:
        u[0], v[0] = p.z / p.y, -p.x / p.y
    else:
        u[0], v[0] = -p.y / p.z, -p.x / p.z


cdef Point lift(int face, double u, double v) noexcept nogil:
    if face == 0:
        return unit(Point(1, u, v))
    if face == 1:
        return unit(Point(-u, 1, v))
    if face == 2:
        return unit(Point(-u, -v, 1))
    if face == 3:
        return unit(Point(-1, -v, -u))
    if face == 4:
        return unit(Point(v, -1, -u))
    return unit(Point(v, u, -1))


cdef uint64_t leaf_at(Point p) noexcept nogil:
    """Return the smallest cell (of level 30) that contains a point."""
    cdef double u = 0, v = 0
    cdef int face = face_of(p), turned = face & SWAPPED, bit, turn
    cdef uint64_t found = face
    cdef int64_t i, j
    project(p, face, &u, &v)
    i, j = to_ij(to_st(u)), to_ij(to_st(v))
    for bit in range(MAX_LEVEL - 1, -1, -1):
        turn = TURN_OF_PLACE[turned][((i >> bit) & 1) << 1 | (j >> bit) & 1]
        found = found << 2 | <uint64_t>turn
        turned ^= ORIENTATION_CHANGE[turn]
    return found << 1 | 1


cdef void bounding_cap(uint64_t cell, Point* center, double* radius) noexcept nogil:
    """Write the centre of a cell, and the distance from it to the farthest corner.

    The two define a cap that contains the cell, because the cell's sides are great circles.
    """
    cdef int face = <int>(cell >> 61), turned = face & SWAPPED, depth = level(cell), step, turn, place, corner
    cdef int64_t i = 0, j = 0
    cdef double size, found
    for step in range(depth):
        turn = <int>(cell >> (59 - 2 * step)) & 3
        place = PLACE_OF_TURN[turned][turn]
        i, j = i << 1 | place >> 1, j << 1 | place & 1
        turned ^= ORIENTATION_CHANGE[turn]
    size = 1.0 / (<int64_t>1 << depth)
    center[0] = lift(face, to_uv((i + 0.5) * size), to_uv((j + 0.5) * size))
    radius[0] = 0
    for corner in range(4):
        found = angle(center[0], lift(face, to_uv((i + (corner & 1)) * size), to_uv((j + (corner >> 1)) * size)))
        radius[0] = max(radius[0], found)


def leaf_of_position(double longitude, double latitude):
    """Return the smallest cell (of level 30) that contains a position, which is given in degrees."""
    cdef double across = cos(latitude * RADIANS)
    return leaf_at(Point(across * cos(longitude * RADIANS), across * sin(longitude * RADIANS), sin(latitude * RADIANS)))


def leaf_of(tuple vector not None):
    """Return the smallest cell (of level 30) that contains a point, which is given as a unit vector."""
    return leaf_at(to_point(vector))


def cap_of(uint64_t cell):
    """Return the centre of a cell as a unit vector, and the radius in radians of a cap around it that contains the cell."""
    cdef Point center
    cdef double radius
    bounding_cap(cell, &center, &radius)
    return (center.x, center.y, center.z), radius


def level_of(uint64_t cell):
    """Return the level of a cell: 0 for a face, 30 for the smallest cells."""
    return level(cell)


def range_of(uint64_t cell):
    """Return the least and the greatest id of a cell and all cells inside it."""
    cdef uint64_t others = lowest_bit(cell) - 1
    return cell - others, cell + others


def parent_of(uint64_t cell, int at):
    """Return the cell of a given level that contains a cell.

    Arguments:
        cell: the cell.
        at: the level, which is at most that of the cell.
    """
    cdef uint64_t bit = <uint64_t>1 << 2 * (MAX_LEVEL - at)
    return (cell & (~bit + 1)) | bit


def parents_of(uint64_t cell):
    """Return the cells that contain a cell, except the cell itself, from the smallest to the face."""
    cdef int at
    return [parent_of(cell, at) for at in range(level(cell) - 1, -1, -1)]


# ---------------------------------------------------------------- coverings


cdef class Cover:
    """Computes the cells that cover a region.

    The region is the intersection of a cap and a figure. The figure consists of points, edges and, if `pole` is given, the inside of the
    edges. Without points and edges, the region is the whole cap, or the cap without a smaller cap around the same centre.

    Arguments:
        center: the centre of the cap, a unit vector.
        radius: the radius of the cap, in radians.
        inner: the radius of the smaller cap that is cut out; 0 for none.
        points: unit vectors.
        edges: pairs of unit vectors.
        pole: a unit vector that is less than a right angle away from all edges, which then form closed rings; None if the figure has no
            inside.
        is_complement: whether the figure is the other side of the rings: what is outside as seen from the pole.
    """

    cdef Point center
    cdef double radius
    cdef double inner
    cdef bint is_cap
    cdef bint has_inside
    cdef bint is_complement
    cdef Point pole
    cdef Point right
    cdef Point up
    cdef Edge* edges
    cdef Py_ssize_t n_edges
    cdef Point* points
    cdef Py_ssize_t n_points

    def __cinit__(self, tuple center not None, double radius, double inner, list points not None, list edges not None, tuple pole=None,
                  bint is_complement=False):
        cdef Py_ssize_t i
        self.center = to_point(center)
        self.radius = radius
        self.inner = inner
        self.is_cap = not points and not edges
        self.has_inside, self.is_complement = pole is not None, is_complement
        if pole is not None:
            self.pole = to_point(pole)
            self.right = unit(cross(Point(1, 0, 0) if fabs(self.pole.x) < 0.9 else Point(0, 1, 0), self.pole))
            self.up = cross(self.pole, self.right)
        self.n_edges, self.n_points = len(edges), len(points)
        self.edges = <Edge*>malloc(max(1, self.n_edges) * sizeof(Edge))
        self.points = <Point*>malloc(max(1, self.n_points) * sizeof(Point))
        if self.edges is NULL or self.points is NULL:
            raise MemoryError()
        for i in range(self.n_points):
            self.points[i] = to_point(points[i])
        for i in range(self.n_edges):
            self.edges[i].a, self.edges[i].b = to_point(edges[i][0]), to_point(edges[i][1])
            self.edges[i].normal = unit(cross(self.edges[i].a, self.edges[i].b))
            if pole is not None:
                self.flatten(self.edges[i].a, &self.edges[i].x0, &self.edges[i].y0)
                self.flatten(self.edges[i].b, &self.edges[i].x1, &self.edges[i].y1)

    def __dealloc__(self):
        free(self.edges)
        free(self.points)

    cdef Overlap overlap(self, uint64_t cell) except *:
        """Return the position of a cell relative to the region. The result may be `PARTLY` even for a cell that is inside or outside."""
        cdef Point middle
        cdef double reach, away
        cdef Py_ssize_t i
        bounding_cap(cell, &middle, &reach)
        away = angle(middle, self.center)
        reach += MARGIN
        if away > self.radius + reach or away + reach < self.inner:
            return OUTSIDE
        if self.is_cap:
            return INSIDE if min(away + reach, M_PI) <= self.radius and max(away - reach, 0.0) >= self.inner else PARTLY
        for i in range(self.n_points):
            if angle(middle, self.points[i]) <= reach:
                return PARTLY
        for i in range(self.n_edges):
            if edge_distance(middle, &self.edges[i]) <= reach:
                return PARTLY
        return INSIDE if self.has_inside and self.contains(middle) != self.is_complement else OUTSIDE

    cdef void flatten(self, Point p, double* x, double* y) noexcept nogil:
        """Project a point onto the plane at the pole, so that great circles become straight lines."""
        cdef double depth = dot(p, self.pole)
        x[0], y[0] = dot(p, self.right) / depth, dot(p, self.up) / depth

    cdef bint contains(self, Point p) noexcept nogil:
        """Return whether a point is inside the rings, as seen from the pole. The point must not be close to an edge."""
        cdef double x = 0, y = 0
        cdef bint inside = False
        cdef Py_ssize_t i
        cdef const Edge* edge
        if dot(p, self.pole) <= 0:
            return False
        self.flatten(p, &x, &y)
        for i in range(self.n_edges):
            edge = &self.edges[i]
            if (edge.y0 > y) != (edge.y1 > y) and x < (edge.x1 - edge.x0) * (y - edge.y0) / (edge.y1 - edge.y0) + edge.x0:
                inside = not inside
        return inside

    def cells(self, Py_ssize_t most):
        """Return cells that together contain the region, in ascending order. No cell is inside another.

        Arguments:
            most: the maximum number of cells. A region on several faces may need a few more.
        """
        cdef list done = [], waiting = [], parts
        cdef Py_ssize_t place = 0
        cdef uint64_t cell, bit
        cdef int turn
        for turn in range(6):
            self.sort_out(<uint64_t>turn << 61 | <uint64_t>1 << 60, done, waiting)
        while place < len(waiting):
            cell = waiting[place]
            place += 1
            bit = lowest_bit(cell) >> 2
            if not bit:
                done.append(cell)
                continue
            whole, parts = [], []
            for turn in range(4):
                self.sort_out(cell - lowest_bit(cell) + bit * <uint64_t>(2 * turn + 1), whole, parts)
            if len(whole) + len(parts) > 1 and len(done) + len(waiting) - place + len(whole) + len(parts) > most:
                done.append(cell)
                continue
            done += whole
            waiting += parts
        return sorted(done)

    cdef int sort_out(self, uint64_t cell, list whole, list parts) except -1:
        cdef Overlap found = self.overlap(cell)
        if found == INSIDE:
            whole.append(cell)
        elif found == PARTLY:
            parts.append(cell)
        return 0


# ---------------------------------------------------------------- hashes in the plane


cdef inline uint64_t spread(uint64_t n) noexcept nogil:
    """Spread the 32 bits of a number over every second bit of a 64-bit number."""
    n = (n | n << 16) & 0x0000FFFF0000FFFFULL
    n = (n | n << 8) & 0x00FF00FF00FF00FFULL
    n = (n | n << 4) & 0x0F0F0F0F0F0F0F0FULL
    n = (n | n << 2) & 0x3333333333333333ULL
    return (n | n << 1) & 0x5555555555555555ULL


cdef inline uint64_t scaled(double value, double low, double high) noexcept nogil:
    cdef double found = (value - low) / (high - low) * 4294967296.0
    if not found > 0:
        return 0
    return 0xFFFFFFFFULL if found >= 4294967295.0 else <uint64_t>found


def plane_hash(double x, double y, double low, double high, int bits):
    """Return the hash of a position, a 64-bit number.

    Its upper bits are alternately the bits of x and of y, starting with the highest ones.

    A coordinate beyond the limits is treated as the limit.

    Arguments:
        low, high: the limits of both coordinates.
        bits: how many bits of each coordinate to use, at most 32.
    """
    cdef uint64_t mask = (0xFFFFFFFFULL << (32 - bits)) & 0xFFFFFFFFULL
    return spread(scaled(x, low, high) & mask) << 1 | spread(scaled(y, low, high) & mask)
