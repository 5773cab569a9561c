# cython: language_level=3
"""Takes a batch from any iterator over documents."""

from cpython.bytes cimport PyBytes_GET_SIZE


def pull(documents not None, list batch not None, Py_ssize_t size, Py_ssize_t room):
    """Append documents until there are so many or their bytes are too many; the first one always fits.

    Arguments:
        documents: an iterator.
        batch: may hold some already, which count.
        size: the most documents.
        room: the bytes that are left.

    Returns:
        the document that was taken and did not fit, or None; and whether the iterator is at its end.
    """
    cdef bytes document
    while len(batch) < size:
        document = next(documents, None)
        if document is None:
            return None, True
        room -= PyBytes_GET_SIZE(document)
        if room < 0 and batch:
            return document, False
        batch.append(document)
    return None, False
