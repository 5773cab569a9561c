# cython: language_level=3
"""Records the plans that a command executes and counts the keys and documents that they examine.

serverStatus, the profiler, the log and the command log use these counts. Each query reports its plan by calling `note_plan` of the parse
context. This includes queries in pipelines, because they share the command's parse context. The module is compiled because almost every
command has a plan, and because the command log counts what each command has examined.
"""

from cpython.dict cimport PyDict_Next
from cpython.object cimport PyObject

from secantus_server.exec._scan cimport Scan
from secantus_server.index._index cimport Index
from secantus_server.mql.match._nodes import And

# A pipeline may run a sub-pipeline per document. Above this number of plans, finished plans are replaced by their totals.
cdef Py_ssize_t MOST_PLANS = 64
# The maximum number of plans, after the first one, whose queries are kept.
cdef Py_ssize_t MOST_QUERIES = 8
cdef tuple COLLSCAN = ("COLLSCAN", None)
WHOLE_SCAN = (COLLSCAN,)

# The kinds of plans, so that one look-up tells them apart.
cdef enum:
    OTHER
    CLUSTERED_SCAN
    COLLECTION_SCAN
    CONTESTED_SORT
    DISTINCT_SCAN
    EMPTY_SCAN
    INDEXED_SCAN
    JOINED_SCAN
    NEAR
    POINT_LOOKUP
    REPEATED_LOOKUP
    SORT
    TEXT_SEARCH
    UNION
# The classes of the plans by name, because this module is also imported by suites that never import the planner.
KINDS_BY_NAME = {
    "secantus_server.query.clustered.ClusteredScan": CLUSTERED_SCAN,
    "secantus_server.query.plan.CollectionScan": COLLECTION_SCAN,
    "secantus_server.query.contested.ContestedSort": CONTESTED_SORT,
    "secantus_server.query.distinct.DistinctPlan": DISTINCT_SCAN,
    "secantus_server.query.plan.EmptyScan": EMPTY_SCAN,
    "secantus_server.query.plan.IndexedScan": INDEXED_SCAN,
    "secantus_server.query.point.PointLookup": POINT_LOOKUP,
    "secantus_server.query.plan.Near": NEAR,
    "secantus_server.query.equality.RepeatedLookup": REPEATED_LOOKUP,
    "secantus_server.query.plan.Sort": SORT,
    "secantus_server.query.text.TextSearchPlan": TEXT_SEARCH,
    "secantus_server.query.plan.Union": UNION,
    "secantus_server.query.wildcard.WildcardScan": INDEXED_SCAN,
}


cdef class JoinedScan:
    """A join that has read a whole collection because no index serves it. It is noted as a plan and as this plan's query.

    The plan of the scan itself counts the examined documents.

    Attributes:
        collection: the collection.
        path: the path by whose values the documents are joined.
        read: the number of documents that were read.
        rejected: the number of these that joined no document.
    """

    cdef readonly object collection
    cdef readonly str path
    cdef readonly long long read, rejected


def joined_scan(collection, str path not None, long long read, long long matched):
    """Return the note on a join by a path that has read a whole collection. Return None if it needed most of the documents, or if a visible
    index could find documents by their value at the path, at least for some values.

    Arguments:
        read: the number of documents that were read.
        matched: the number of these that were found at least once.
    """
    cdef JoinedScan joined
    if 2 * matched >= read:
        return None
    for index in collection.indexes:
        if type(index) is Index and (<Index>index).is_id and path != "_id":
            continue
        if is_served(spec_of(index), path):
            return None
    joined = JoinedScan.__new__(JoinedScan)
    joined.collection, joined.path, joined.read, joined.rejected = collection, path, read, read - matched
    return joined


cdef bint is_served(dict spec, str path) except -1:
    """Return whether an index with this description is visible and has the path as its first field or among its wildcards."""
    cdef bint is_first = True
    if spec.get("hidden"):
        return False
    for name in spec["key"]:
        if "$**" in name or (is_first and name == path):
            return True
        is_first = False
    return False


# The kinds of the classes that have been met.
cdef dict KINDS = {JoinedScan: JOINED_SCAN}


cdef class Further:
    """Notes on a command's plans after the first one, and on earlier commands of the same cursor.

    Attributes:
        plans: the plans after the first one that may not be finished.
        queries: the first of these plans that have a query, each with its query.
        seen, stages: the totals and the scans of the finished plans.
        before: the counts when the current command began.
        resumed: whether the first plan was noted by an earlier command.
        whole_scans, tailing_scans, sorts: how many collection scans, tailing scans and sorts the current command started, without the
            first plan.
    """

    def __init__(self):
        self.plans, self.queries, self.stages = [], [], []

    cdef int fold(self) except -1:
        """Add the counts of finished plans to the totals, and remove these plans from the list."""
        cdef list left = []
        for plan in self.plans:
            if is_finished(plan):
                add_counts(plan, kind_of(plan), &self.seen)
                add_stages(plan, self.stages)
            else:
                left.append(plan)
        self.plans = left
        return 0


cdef class PlanNotes:
    """A record of the plans that one command executes.

    Every command with a plan creates an instance, so most of the work is deferred until the result is requested.

    Attributes:
        first: the first plan, or None.
        query: the canonical query of the first plan, or None.
        further: the plans after the first one, and those of earlier commands of the same cursor; None if there are none.

    Threads: only the command's thread adds plans. A cursor's next command continues the record only after the previous command has ended.
    """

    def add(self, plan, query=None):
        """Record a plan that is about to be executed."""
        if self.first is None and self.further is None:
            self.first, self.query, self.first_kind = plan, query, kind_of(plan)
            return
        cdef Further further = self.further_plans()
        add_begun(plan, kind_of(plan), &further.whole_scans, &further.tailing_scans, &further.sorts)
        # Without the new plan, which has not examined anything yet.
        if len(further.plans) >= MOST_PLANS:
            further.fold()
        further.plans.append(plan)
        if query is not None and len(further.queries) < MOST_QUERIES:
            further.queries.append((plan, query))

    cdef Further further_plans(self):
        if self.further is None:
            self.further = Further()
        return self.further

    def count(self, usage):
        """Add the counts of the current command, which has ended, to its connection's usage (`dispatch.usage.Usage`)."""
        cdef Further further = self.further
        cdef int whole_scans = 0, tailing_scans = 0, sorts = 0
        self.count_latest(&self.counted)
        if further is not None:
            whole_scans, tailing_scans, sorts = further.whole_scans, further.tailing_scans, further.sorts
        if self.first is not None and (further is None or not further.resumed):
            add_begun(self.first, self.first_kind, &whole_scans, &tailing_scans, &sorts)
        # One call, because the attributes of another class take several times as long.
        usage.examine(self.counted.keys, self.counted.documents, whole_scans, tailing_scans, sorts)

    def resume(self):
        """Reset the counts of the current command, because the cursor's next command starts."""
        cdef Further further = self.further_plans()
        self.count_total(&further.before)
        further.whole_scans = further.tailing_scans = further.sorts = 0
        further.resumed = True

    @property
    def sorts(self):
        """Whether any of the plans sorts in memory."""
        cdef list plans = [self.first] if self.further is None else [self.first, *self.further.plans]
        for plan in plans:
            if kind_of(plan) == SORT or (kind_of(plan) == CONTESTED_SORT and not plan.gave_way):
                return True
        return False

    @property
    def latest(self):
        """The counts of the current command, without the cursor's earlier commands."""
        cdef Seen latest
        self.count_latest(&latest)
        return examined_of(&latest)

    @property
    def stages(self):
        """The scan stages of all plans, without duplicates."""
        return self.noted_stages()

    def logged(self):
        """Return what the command log keeps of the current command: `latest`, `stages`, and the queries whose plans scanned a collection
        with a filter or sorted in memory.
        """
        cdef Seen latest
        self.count_latest(&latest)
        return examined_of(&latest), self.noted_stages(), self.slow(&latest)

    cdef int count_total(self, Seen* total) except -1:
        """Set `total` to the counts of all plans so far."""
        total[0] = Seen(0, 0, 0, 0, 0) if self.further is None else self.further.seen
        if self.first is not None:
            add_counts(self.first, self.first_kind, total)
        if self.further is not None:
            for plan in self.further.plans:
                add_counts(plan, kind_of(plan), total)
        return 0

    cdef int count_latest(self, Seen* latest) except -1:
        """Set `latest` to the counts of the current command, without the cursor's earlier commands."""
        cdef Seen before
        self.count_total(latest)
        if self.further is not None and self.further.resumed:
            before = self.further.before
            latest.keys -= before.keys
            latest.documents -= before.documents
            latest.scanned -= before.scanned
            latest.rejected -= before.rejected
            latest.ordered -= before.ordered
        return 0

    cdef dict looked_up(self):
        """Return the key pattern of the index if the command's only plan is a point lookup; None otherwise."""
        return key_of(self.first) if self.further is None and self.first is not None and self.first_kind == POINT_LOOKUP else None

    cdef tuple noted_stages(self):
        """Return the scan stages of all plans, without duplicates."""
        cdef Further further = self.further
        cdef list found = []
        if self.first is not None:
            # Most commands have such a plan alone.
            if further is None and self.first_kind == COLLECTION_SCAN:
                return () if self.first.scan is None else WHOLE_SCAN
            add_stages(self.first, found)
        if further is not None:
            for name, key in further.stages:
                add_stage(found, name, key)
            for plan in further.plans:
                add_stages(plan, found)
        return tuple(found)

    cdef tuple slow(self, const Seen* latest):
        """Return the queries whose plans scanned a collection with a filter or sorted in memory, given the current command's counts."""
        cdef list found
        if not (latest.scanned or latest.ordered):
            return ()
        if self.further is None:
            return () if self.query is None else (slow_of(self.first, self.query, latest.scanned > 0),)
        found = []
        add_slow(self.first, self.query, found)
        for plan, query in self.further.queries:
            add_slow(plan, query, found)
        return tuple(found)


cdef tuple examined_of(const Seen* seen):
    """Return counts as a `plan_notes.Examined`."""
    return seen.keys, seen.documents, seen.scanned, seen.rejected, seen.ordered


cdef int add_slow(plan, query, list found) except -1:
    """Add the `plan_notes.Slow` of a plan and its query to a list if the plan scanned a collection with a filter or sorted in memory."""
    cdef int kind
    cdef Seen counts
    if query is None:
        return 0
    kind = kind_of(plan)
    if kind == JOINED_SCAN:
        found.append(((<JoinedScan>plan).collection, {(<JoinedScan>plan).path: {"$eq": None}}, None, False, True))
    elif kind != POINT_LOOKUP and kind != REPEATED_LOOKUP:
        counts = Seen(0, 0, 0, 0, 0)
        add_counts(plan, kind, &counts)
        if counts.scanned or counts.ordered:
            found.append(slow_of(plan, query, counts.scanned > 0))
    return 0


cdef tuple slow_of(plan, query, bint scanned):
    """Return the `plan_notes.Slow` of a plan and its query."""
    while kind_of(plan) == SORT or kind_of(plan) == CONTESTED_SORT:
        plan = plan.child
    if kind_of(plan) == UNION:
        plan = plan.children[0]
    return plan.collection, query.filter, query.sort, bool(query.hint or query.natural), scanned


cdef inline int kind_of(plan) except -1:
    known = KINDS.get(type(plan))
    return kind_of_class(type(plan)) if known is None else known


cdef int kind_of_class(kind) except -1:
    """Return the kind of plans of a class, and remember it."""
    found = KINDS[kind] = KINDS_BY_NAME.get(f"{kind.__module__}.{kind.__qualname__}", OTHER)
    return found


cdef object key_of(plan):
    """Return the key pattern of a plan's index."""
    return spec_of(plan.index)["key"]


cdef inline dict spec_of(index):
    """Return the description of an index."""
    return (<Index>index).spec if type(index) is Index else index.spec


cdef int add_begun(plan, int kind, int* whole_scans, int* tailing_scans, int* sorts) except -1:
    """Add how many collection scans, tailing collection scans and in-memory sorts a plan of the given kind starts."""
    if kind == SORT or kind == CONTESTED_SORT:
        sorts[0] += 1
        plan = plan.child
        kind = kind_of(plan)
    if kind == COLLECTION_SCAN:
        whole_scans[0] += 1
        tailing_scans[0] += bool(plan.tailing)
    return 0


cdef bint is_finished(plan) except -1:
    """Return whether a plan has finished reading."""
    cdef int kind = kind_of(plan)
    if kind == POINT_LOOKUP or kind == JOINED_SCAN:
        return True
    if kind == CONTESTED_SORT:
        return False
    if kind == SORT:
        plan = plan.child
        kind = kind_of(plan)
    cdef list plans = plan.children if kind == UNION else [plan]
    for one in plans:
        scan = getattr(one, "scan", None)
        if scan is None or not getattr(scan, "finished", False):
            return False
    return True


cdef int add_counts(plan, int kind, Seen* total) except -1:
    """Add the counts that a plan of the given kind has accumulated so far."""
    cdef long long found
    cdef bint sorts = False
    if kind == POINT_LOOKUP:
        found = plan.found
        total.keys += found
        total.documents += found
        return 0
    if kind == REPEATED_LOOKUP:
        total.keys += <long long>plan.keys_examined
        total.documents += <long long>plan.docs_examined
        return 0
    if kind == JOINED_SCAN:
        total.scanned += (<JoinedScan>plan).read
        total.rejected += (<JoinedScan>plan).rejected
        return 0
    if kind == SORT or kind == CONTESTED_SORT:
        # A rival plan that was tried and rejected has also examined keys.
        if kind == CONTESTED_SORT and plan.rival is not None:
            add_counts(plan.rival, kind_of(plan.rival), total)
        sorts = kind == SORT or not plan.gave_way
        plan = plan.child
        kind = kind_of(plan)
    if kind == UNION:
        for child in plan.children:
            add_scanned(child, kind_of(child), sorts, total)
        return 0
    return add_scanned(plan, kind, sorts, total)


cdef int add_scanned(plan, int kind, bint sorts, Seen* total) except -1:
    """Add the counts of a plan's scan, if the plan was executed. `sorts` means that the documents of the scan are sorted."""
    cdef bint is_whole = kind == COLLECTION_SCAN or (kind == CLUSTERED_SCAN and plan.bounds is None)
    cdef long long keys = 0, documents, advanced = 0
    scan = getattr(plan, "scan", None)
    if scan is None:
        return 0
    if kind == DISTINCT_SCAN:
        total.keys += <long long>scan.keys_examined
        return 0
    if isinstance(scan, Scan):
        keys, documents, advanced = (<Scan>scan).keys_examined, (<Scan>scan).docs_examined, (<Scan>scan).advanced
    else:
        keys, documents = scan.keys_examined, scan.docs_examined
        if sorts or is_whole:
            advanced = scan.advanced
    total.documents += documents
    if sorts:
        total.ordered += advanced
    if not is_whole:
        total.keys += keys
        return 0
    match = plan.match
    if match is not None and not (type(match) is And and not match.children):
        total.scanned += documents
        total.rejected += documents - advanced
    return 0


cdef int add_stages(plan, list stages) except -1:
    """Add the name of each scan in a plan to a list, without duplicates. A plan that was not executed has none."""
    cdef int kind = kind_of(plan)
    if kind == JOINED_SCAN:
        return 0  # The plan of the scan is also in the notes.
    if kind == CONTESTED_SORT:
        plan = plan.chosen
        kind = kind_of(plan)
    if kind == SORT or kind == CONTESTED_SORT:
        plan = plan.child
        kind = kind_of(plan)
    if kind == UNION:
        for child in plan.children:
            add_stages(child, stages)
    elif kind == REPEATED_LOOKUP:
        add_stage(stages, "IXSCAN", key_of(plan))
    elif kind == POINT_LOOKUP:
        add_stage(stages, "EXPRESS_IXSCAN", key_of(plan))
    elif kind == EMPTY_SCAN:
        add_stage(stages, "EOF", None)
    elif getattr(plan, "scan", None) is not None:
        name, key = scan_name(plan, kind)
        add_stage(stages, name, key)
    return 0


cdef int add_stage(list stages, str name, key) except -1:
    """Add a scan to a list that does not contain it."""
    cdef tuple known
    for known in stages:
        if known[0] == name and (known[1] is key or is_same_key(known[1], key)):
            return 0
    stages.append((name, key))
    return 0


cdef bint is_same_key(dict one, dict other) except -1:
    """Return whether two key patterns are equal. The order of their fields and the types of their numbers count."""
    cdef Py_ssize_t place = 0, other_place = 0
    cdef PyObject *name
    cdef PyObject *value
    cdef PyObject *other_name
    cdef PyObject *other_value
    cdef bint is_decided = True
    if one is None or other is None or len(one) != len(other):
        return False
    while PyDict_Next(one, &place, &name, &value) and PyDict_Next(other, &other_place, &other_name, &other_value):
        if <str>name != <str>other_name:
            return False
        is_decided = is_decided and value == other_value
    # Small numbers are the same object in almost all key patterns, and a text takes many times as long as this loop.
    return is_decided or str(one) == str(other)


cdef tuple scan_name(plan, int kind):
    if kind == CLUSTERED_SCAN:
        return COLLSCAN if plan.bounds is None else ("CLUSTERED_IXSCAN", None)
    if kind == NEAR:
        return str(plan.index.kind.near_stage), key_of(plan)
    if kind == TEXT_SEARCH:
        return "TEXT_MATCH", key_of(plan)
    if kind == INDEXED_SCAN:
        return "IXSCAN", key_of(plan)
    if kind == DISTINCT_SCAN:
        return "DISTINCT_SCAN", key_of(plan)
    return COLLSCAN
