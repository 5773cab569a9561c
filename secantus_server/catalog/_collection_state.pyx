# cython: language_level=3
"""The attributes of a collection. Compiled so that the express lane reads them without look-ups, and creates collections in less time."""

import itertools

from secantus_server.catalog._document_count cimport DocumentCount
from secantus_server.system._lock cimport give_lock, take_lock

from secantus_server.bson import encode
from secantus_server.catalog.search_contents import SearchContents
from secantus_server.storage.lifetime import Lifetime
from secantus_server.system._threads import Lock

cdef dict NO_IMAGES = {}


cdef class RecordIds:
    """Hands out the RecordIds of a collection. All versions of the collection share one instance, so that no RecordId is used twice.

    Threads: `_lock` serializes the creation of the counter. Several threads may call `next` on the counter.
    """

    def __cinit__(self):
        self._lock = Lock()
        self._least = 1

    cpdef begin(self):
        """Start the counter of a new, empty collection, so that the first document gets RecordId 1."""
        take_lock(self._lock)
        try:
            self._numbers = itertools.count(1)
            self._is_complete = True
        finally:
            give_lock(self._lock)

    cpdef numbers(self, newest):
        """Return an iterator over new RecordIds, which several threads may share.

        A transaction must call this before it deletes its first document. Otherwise `newest` would not see that document, and its RecordId
        would be used again, although the transaction may abort.

        Arguments:
            newest: a function that returns the highest stored RecordId. It is called if the counter does not exist yet.
        """
        numbers = self._numbers
        if numbers is None:
            found = newest()
            with self._lock:
                if self._numbers is None:
                    self._numbers = itertools.count(max(self._least, found + 1))
                numbers = self._numbers
        return numbers

    def restored(self):
        """Let the next call of `numbers` look for the highest stored RecordId again. The caller has exclusive access to the store.

        A restore may bring back documents that had been deleted before the counter was created. That cannot happen if the counter has
        existed as long as the collection.
        """
        if self._numbers is not None and not self._is_complete:
            self._least = next(self._numbers)
            self._numbers = None


cdef class CollectionState:
    """The attributes of a collection; the base of `collection.Collection`, which describes them."""

    def __init__(
        self, str db not None, str name not None, uuid, int ident, dict options not None, list indexes not None, search_indexes=()
    ):
        self.db = db
        self.name = name
        self.uuid = uuid
        self.ident = ident
        self.options = options
        self.indexes = indexes
        self.search_indexes = search_indexes
        if options:
            self.is_view = "viewOn" in options
            self.is_timeseries = self.is_view and "timeseries" in options
            self.is_capped = bool(options.get("capped"))
            self.is_clustered = "clusteredIndex" in options
            self.keeps_images = bool(options.get("changeStreamPreAndPostImages", NO_IMAGES).get("enabled"))
        self.identity = encode({"ns": f"{db}.{name}", "ui": uuid})
        self.record_ids = RecordIds.__new__(RecordIds)
        self.document_count = DocumentCount.__new__(DocumentCount)
        self.lifetime = Lifetime()
        self.cached_plans = {}
        self.search_contents = SearchContents()
        self.expanded_indexes = {}
        self.sole_indexes = {}
