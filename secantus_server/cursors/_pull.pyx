# cython: language_level=3
"""The function that fills a batch from an iterator of documents."""

from cpython.bytes cimport PyBytes_GET_SIZE

from secantus_server.bson.sizes import MAX_RESULT_BYTES, too_large
from secantus_server.exec.sorting import SortedDocuments

cdef Py_ssize_t LIMIT = MAX_RESULT_BYTES


def pull(documents not None, list batch not None, Py_ssize_t size, Py_ssize_t room):
    """Append documents to a batch until the batch reaches its size or byte limit. An empty batch accepts a document of any valid size.

    Arguments:
        documents: an iterator over documents.
        batch: the batch. Documents that it already contains count towards `size`.
        size: the maximum number of documents.
        room: the number of bytes that may still be appended.

    Returns:
        the document that was read but did not fit (or None), and whether the iterator is exhausted.

    Raises:
        CommandError: 10334 BSONObjectTooLarge for a document larger than the maximum size of a result document.
    """
    cdef bytes document
    cdef Py_ssize_t document_size
    if type(documents) is SortedDocuments and size > 0:
        # A call of this object for each document would take longer than the rest of the loop.
        documents = documents.ordered()
    while len(batch) < size:
        document = next(documents, None)
        if document is None:
            return None, True
        document_size = PyBytes_GET_SIZE(document)
        if document_size > LIMIT:
            raise too_large(document_size)
        room -= document_size
        if room < 0 and batch:
            return document, False
        batch.append(document)
    return None, False
