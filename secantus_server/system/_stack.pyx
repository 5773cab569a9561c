# cython: language_level=3
"""The walk up a thread's stack, compiled because it runs for every message that a test sends while its commands are logged."""

from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF

cdef extern from "Python.h":
    ctypedef struct PyFrameObject:
        pass
    PyFrameObject* PyFrame_GetBack(PyFrameObject* frame)  # a new reference, or NULL at the end of the stack
    PyObject* PyFrame_GetCode(PyFrameObject* frame)  # a new reference
    int PyFrame_GetLineNumber(PyFrameObject* frame)


def lines_up_to(object frame, dict kinds, object classify, int last_kind, Py_ssize_t longest, int deepest):
    """Return the places on a stack whose files are of some kind, innermost first, and whether a file of the last kind ended the search.

    Arguments:
        frame: the innermost frame to look at.
        kinds: the kinds of files by name; 0 for those to leave out. Missing files are added to it.
        classify: returns the kind of a file.
        last_kind: the search ends at a file of this kind.
        longest: how many places are returned if there is none.
        deepest: how many frames are looked at.

    Returns:
        the places, each a code object and a line number, in a tuple.
    """
    cdef PyFrameObject* current = <PyFrameObject*><PyObject*>frame
    cdef PyFrameObject* back
    cdef list places = []
    cdef object code, name, kind
    cdef int left = deepest
    cdef object held = frame
    while left > 0:
        left -= 1
        code = <object>PyFrame_GetCode(current)
        Py_DECREF(code)  # the conversion has taken a reference of its own
        name = code.co_filename
        kind = kinds.get(name)
        if kind is None:
            kind = kinds[name] = classify(name)
        if kind:
            places.append((code, PyFrame_GetLineNumber(current)))
            if kind == last_kind:
                return tuple(places), True
        back = PyFrame_GetBack(current)
        if back == NULL:
            break
        held = <object><PyObject*>back
        Py_DECREF(held)
        current = back
    return tuple(places[:longest]), False
