# cython: language_level=3
"""Takes a batch from any iterator over documents."""

from cpython.bytes cimport PyBytes_GET_SIZE

from secantus_server.bson.sizes import MAX_RESULT_BYTES, too_large

cdef Py_ssize_t LIMIT = MAX_RESULT_BYTES


def pull(documents not None, list batch not None, Py_ssize_t size, Py_ssize_t room):
    """Append documents until there are so many or their bytes are too many; the first one always fits.

    Arguments:
        documents: an iterator.
        batch: may hold some already, which count.
        size: the most documents.
        room: the bytes that are left.

    Returns:
        the document that was taken and did not fit, or None; and whether the iterator is at its end.

    Raises:
        CommandError: 10334 BSONObjectTooLarge, a document is larger than one of a result may be.
    """
    cdef bytes document
    cdef Py_ssize_t document_size
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
