# cython: language_level=3
"""The walk up a thread's stack, compiled because it runs for every message that a test sends while its commands are logged."""

import sys

from cpython.bytes cimport PyBytes_AS_STRING
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from libc.stdint cimport uintptr_t

cdef extern from *:
    """
    /* The line is looked up only when it is read: the search takes a time proportional to the length of the function.
       Python 3.10 has no function for the position of a frame, so the line stands for it there. */
    #if PY_VERSION_HEX >= 0x030B0000
    #define position_of(frame) PyFrame_GetLasti(frame)
    #define line_at(code, position) PyCode_Addr2Line((PyCodeObject*)(code), position)
    #else
    #define position_of(frame) PyFrame_GetLineNumber(frame)
    #define line_at(code, position) (position)
    #endif

    /* The public functions create a frame object for each frame of the stack, which takes most of the walk's time. Python 3.11's own
       structures are read instead, as Cython does for its tracebacks. They differ between Python versions, hence the public functions
       for all others. */
    #if PY_VERSION_HEX >= 0x030B0000 && PY_VERSION_HEX < 0x030C0000 && CYTHON_COMPILING_IN_CPYTHON
    #ifndef Py_BUILD_CORE
    #define Py_BUILD_CORE 1
    #endif
    #include "internal/pycore_frame.h"
    typedef _PyInterpreterFrame Frame;

    static inline Frame* begun(Frame* frame) {
        while (frame != NULL && _PyFrame_IsIncomplete(frame)) frame = frame->previous;
        return frame;
    }
    static inline Frame* caller_of(Frame* frame) { return begun(frame->previous); }
    static inline Frame* frame_at(int depth) {
        Frame* frame = begun(PyThreadState_Get()->cframe->current_frame);
        for (; frame != NULL && depth > 0; depth--) frame = caller_of(frame);
        return frame;
    }
    #define code_of(frame) ((PyObject*)(frame)->f_code)
    #define place_of(frame) (_PyInterpreterFrame_LASTI(frame) * (int)sizeof(_Py_CODEUNIT))
    #define drop_frame(frame) ((void)(frame))
    #else
    typedef PyFrameObject Frame;

    /* One call that skips the driver's frames is cheaper than following each frame's link. */
    static inline Frame* frame_at(int depth) {
        PyObject* frame = PyObject_CallFunction(PySys_GetObject("_getframe"), "i", depth);
        if (frame == NULL) PyErr_Clear();
        return (Frame*)frame;
    }
    static inline Frame* caller_of(Frame* frame) {
        Frame* back = PyFrame_GetBack(frame);
        Py_DECREF(frame);
        return back;
    }
    /* The running frame keeps its code alive. */
    static inline PyObject* code_of(Frame* frame) {
        PyObject* code = (PyObject*)PyFrame_GetCode(frame);
        Py_DECREF(code);
        return code;
    }
    #define place_of(frame) position_of(frame)
    #define drop_frame(frame) Py_XDECREF(frame)
    #endif
    """
    ctypedef struct PyFrameObject:
        pass
    ctypedef struct Frame:  # a frame of the running thread
        pass
    Frame* frame_at(int depth)  # NULL if the stack is shorter
    Frame* caller_of(Frame* frame)  # drops the frame; NULL at the end of the stack
    PyObject* code_of(Frame* frame)  # a borrowed reference
    int place_of(Frame* frame)
    void drop_frame(Frame* frame)
    int position_of(PyFrameObject* frame)
    int line_at(PyObject* code, int position)
    unsigned long PyThread_get_thread_ident()
    void decref "Py_DECREF"(void*)
    void incref "Py_INCREF"(void*)

cdef enum:
    # The number of code objects whose kinds are remembered. A stack of a driver has about 20, and a suite uses a few such stacks.
    SLOTS = 512
    # The number of values before the places in what is noted for a message: the thread, the task and whether the last line is the test's.
    FIXED = 3
    # The maximum depth of the stack that is searched.
    MAX_DEPTH = 400
    # The maximum number of the project's lines that are kept of a stack that does not contain the test.
    MAX_LINES = 8

cdef struct Slot:
    PyObject* code
    int kind

cdef dict modules = sys.modules


def line_of(code, int position):
    """Return the line number of a position in a code object."""
    return line_at(<PyObject*>code, position)


def position_in(frame):
    """Return the position of a frame in its code object, for `line_of`."""
    return position_of(<PyFrameObject*><PyObject*>frame)


cdef class Stacks:
    """The lines from which a client's messages were sent, by the ids of the messages.

    Arguments:
        classify: returns the kind of a file, given its name in code objects: 0 for files whose lines are left out.
        last_kind: the walk up the stack ends at a file of this kind.
        awaiting: returns the place for a message whose stack has no line, as a code object and a position, or None.
        driver_depth: the minimum number of innermost frames that belong to the driver.

    Threads: any thread may send. The interpreter lock guards the slots: no slot is used after a call that might release the lock.
    """

    cdef Slot slots[SLOTS]
    cdef object classify, awaiting
    cdef int last_kind, driver_depth
    cdef dict found

    def __init__(self, classify, int last_kind, awaiting, int driver_depth):
        self.classify, self.last_kind, self.awaiting, self.driver_depth = classify, last_kind, awaiting, driver_depth
        self.found = {}

    def __dealloc__(self):
        self.drop_codes()

    cdef void drop_codes(self) noexcept:
        cdef int number
        cdef PyObject* code
        for number in range(SLOTS):
            code, self.slots[number].code = self.slots[number].code, NULL
            if code != NULL:
                decref(code)

    def clear(self):
        """Discard all noted lines."""
        self.found = {}

    def forget_kinds(self):
        """Ask `classify` again for the kind of each file."""
        self.drop_codes()

    def of(self, request_id):
        """Return what was noted for a message: a tuple of the thread, the asyncio task or 0, whether the walk ended at a file of the last
        kind, and the code object and the position (see `line_of`) of each line, innermost first. Return None for an unknown message.
        """
        return self.found.get(request_id)

    def noting(self, original):
        """Wrap a function or coroutine function that sends a message, so that it first notes the lines from which it was called."""

        def send(connection, message):
            self.note(message)
            return original(connection, message)

        return send

    cdef int note(self, bytes message) except -1:
        """Note the lines from which the current message is sent. The innermost frame of Python code is the driver's."""
        cdef const unsigned char* raw = <const unsigned char*>PyBytes_AS_STRING(message)
        noted = self.lines()
        if len(noted) == FIXED:
            place = self.awaiting()
            if place is not None:
                noted = (noted[0], noted[1], True, *place)
        assert len(message) > 8, "a message has a header"
        self.found[raw[4] | raw[5] << 8 | raw[6] << 16 | <long long>raw[7] << 24] = noted
        return 0

    cdef int kind_of(self, PyObject* code) except -1:
        """Return the kind of a code object's file."""
        cdef Slot* slot = &self.slots[(<uintptr_t>code >> 5 ^ <uintptr_t>code >> 14) % SLOTS]
        if slot.code == code:
            return slot.kind
        cdef int kind = self.classify((<object>code).co_filename)
        incref(code)  # a code object at the same address later would be taken for this one
        cdef PyObject* before = slot.code
        slot.code, slot.kind = code, kind
        if before != NULL:
            decref(before)
        return kind

    cdef tuple lines(self):
        """Return the message's entry for `found`.

        The entry is one flat tuple, because each object that is kept makes the garbage collector run sooner.
        """
        cdef Frame* frame = frame_at(self.driver_depth)
        cdef PyObject* code
        # The frames of the running thread keep these code objects alive.
        cdef PyObject* codes[MAX_DEPTH]
        cdef int positions[MAX_DEPTH]
        cdef int kind, depth = 0, count = 0
        cdef bint is_ended = False
        if frame == NULL:
            frame = frame_at(0)
        try:
            while frame != NULL and depth < MAX_DEPTH and not is_ended:
                code = code_of(frame)
                kind = self.kind_of(code)
                if kind:
                    codes[count], positions[count] = code, place_of(frame)
                    count += 1
                    is_ended = kind == self.last_kind
                frame = caller_of(frame)
                depth += 1
        finally:
            drop_frame(frame)
        if not is_ended and count > MAX_LINES:
            count = MAX_LINES
        return entry_of(codes, positions, count, is_ended)


cdef tuple entry_of(PyObject** codes, int* positions, int count, bint is_ended):
    """Return an entry for `found` with the code objects of `count` frames and the positions in them."""
    cdef int number
    cdef tuple entry = PyTuple_New(FIXED + 2 * count)
    put(entry, 0, PyThread_get_thread_ident())
    put(entry, 1, running_task())
    put(entry, 2, is_ended)
    for number in range(count):
        put(entry, FIXED + 2 * number, <object>codes[number])
        put(entry, FIXED + 2 * number + 1, positions[number])
    return entry


cdef inline int put(tuple entry, Py_ssize_t place, object value) except -1:
    """Set an item of a new tuple."""
    Py_INCREF(value)
    PyTuple_SET_ITEM(entry, place, value)
    return 0


cdef object running_task():
    """Return the identity of the running asyncio task, or 0."""
    asyncio = modules.get("asyncio")
    loop = None if asyncio is None else asyncio._get_running_loop()
    return 0 if loop is None else id(asyncio.current_task(loop))
