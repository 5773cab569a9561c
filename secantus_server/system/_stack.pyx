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


def lines_up_to(object frame, dict kinds, object classify, int last_kind, Py_ssize_t longest, int deepest, object thread, object task):
    """Return the places on a stack whose files are of some kind, innermost first, and whether a file of the last kind ended the search.

    The result is one flat tuple, because it is kept for each message: each object that is kept makes the garbage collector run sooner.

    Arguments:
        frame: the innermost frame to look at.
        kinds: the kinds of files by name; 0 for those to leave out. Missing files are added to it, with the kind that `classify` returns.
        last_kind: the search ends at a file of this kind.
        longest, deepest: how many places are returned if there is none, and how many frames are looked at.
        thread, task: values to include in the result.

    Returns:
        the thread, the task, whether a file of the last kind ended the search, and each place's code object and line number.
    """
    cdef PyFrameObject *current = <PyFrameObject*><PyObject*>frame, *back
    cdef list places = [thread, task, False]
    cdef object code, name, kind, held = frame
    cdef int left = deepest
    while left > 0:
        left -= 1
        code = <object>PyFrame_GetCode(current)
        Py_DECREF(code)  # the conversion has taken a reference of its own
        name = code.co_filename
        kind = kinds.get(name)
        if kind is None:
            kind = kinds[name] = classify(name)
        if kind:
            places.append(code)
            places.append(PyFrame_GetLineNumber(current))
            if kind == last_kind:
                places[2] = True
                return tuple(places)
        back = PyFrame_GetBack(current)
        if back == NULL:
            break
        held = <object><PyObject*>back
        Py_DECREF(held)
        current = back
    return tuple(places[: 3 + 2 * longest])
