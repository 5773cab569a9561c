# cython: language_level=3
"""The walk up a thread's stack, compiled because it runs for every message that a test sends while its commands are logged."""

import sys

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.object cimport PyObject
from cpython.pyport cimport PY_SSIZE_T_MAX
from libc.stdint cimport uintptr_t
from libc.string cimport memcmp

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

    /* The public functions create a frame object for each frame of the stack, which takes most of the walk's time. Python's own structures
       are read instead, as Cython does for its tracebacks. They differ between Python versions, hence the public functions for versions
       of which no build has been tested. */
    #if PY_VERSION_HEX >= 0x030B0000 && PY_VERSION_HEX < 0x030E0000 && CYTHON_COMPILING_IN_CPYTHON
    #ifndef Py_BUILD_CORE
    #define Py_BUILD_CORE 1
    #endif
    #include "internal/pycore_frame.h"
    typedef _PyInterpreterFrame Frame;

    #if PY_VERSION_HEX >= 0x030D0000
    #define INNERMOST PyThreadState_Get()->current_frame
    #else
    #define INNERMOST PyThreadState_Get()->cframe->current_frame
    #endif
    #if PY_VERSION_HEX >= 0x030C0000
    /* The frames between the interpreter's loop and its C callers have no code of their own. */
    #define has_code(frame) ((frame)->owner != FRAME_OWNED_BY_CSTACK)
    #else
    #define has_code(frame) 1
    #endif
    #if PY_VERSION_HEX >= 0x030D0000
    #define code_of(frame) ((frame)->f_executable)
    #else
    #define code_of(frame) ((PyObject*)(frame)->f_code)
    #endif

    static inline Frame* caller_of(Frame* frame) {
        do frame = frame->previous; while (frame != NULL && !has_code(frame));
        return frame;
    }
    static inline Frame* frame_at(int depth) {
        Frame* frame = INNERMOST;
        if (frame != NULL && !has_code(frame)) frame = caller_of(frame);
        for (; frame != NULL && depth > 0; depth--) frame = caller_of(frame);
        return frame;
    }
    /* A frame that has not begun to run is no caller. The check reads the code object, which few frames of a walk need otherwise. */
    #define has_begun(frame) (!_PyFrame_IsIncomplete(frame))
    #define place_of(frame) (_PyInterpreterFrame_LASTI(frame) * (int)sizeof(_Py_CODEUNIT))
    #define drop_frame(frame) ((void)(frame))
    #else
    #include "frameobject.h"  /* Python 3.10 declares the functions only there. */
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
    #define has_begun(frame) 1
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
    bint has_begun(Frame* frame)
    int place_of(Frame* frame)
    void drop_frame(Frame* frame)
    int position_of(PyFrameObject* frame)
    int line_at(PyObject* code, int position)
    unsigned long PyThread_get_thread_ident()
    void decref "Py_DECREF"(void*)
    void incref "Py_INCREF"(void*)
    void xdecref "Py_XDECREF"(void*)

cdef enum:
    # The number of slots for code objects whose kinds are remembered. A stack of a driver has about 20, and a suite uses a few such stacks.
    SLOTS = 1024
    # The number of neighbouring slots in which a code object may be. Two code objects of one stack often have the same first slot.
    PROBES = 4
    # The maximum depth of the stack that is searched.
    MAX_DEPTH = 400
    # The maximum number of the project's lines that are kept of a stack that does not contain the test.
    MAX_LINES = 8
    # The opcode of a message, and the places of its first section's kind and of the name of the first field in that section's document.
    OP_MSG = 2013
    KIND_PLACE = 20
    NAME_PLACE = 26

cdef struct Slot:
    PyObject* code
    int kind

# A line that was shown, with owned references.
cdef struct Shown:
    PyObject* code
    PyObject* line
    int position

cdef struct Place:
    PyObject* code  # an owned reference
    int position

cdef struct Message:
    unsigned long thread
    size_t task
    Py_ssize_t first  # the number of the message's first place
    unsigned int request_id
    int count
    bint is_ended

cdef dict modules = sys.modules


def line_of(code, int position):
    """Return the line number of a position in a code object."""
    return line_at(<PyObject*>code, position)


def position_in(frame):
    """Return the position of a frame in its code object, for `line_of`."""
    return position_of(<PyFrameObject*><PyObject*>frame)


cdef class Stacks:
    """The lines from which a client's messages were sent, by the ids of the messages.

    What is noted is kept in C arrays, because most of it is never read, and objects would make the garbage collector run sooner.

    Arguments:
        classify: returns the kind of a file, given its name in code objects: 0 for files whose lines are left out.
        last_kind: the walk up the stack ends at a file of this kind.
        awaiting: returns the place for a message whose stack has no line, as a code object and a position, or None.
        driver_depth: the minimum number of innermost frames that belong to the driver.
        show: returns what readers get for a line, given its code object and position (see `line_of`).
        left_out: the names of commands, encoded and each with a NUL at its end, whose messages are not noted.

    Threads: any thread may send. The interpreter lock guards the slots and arrays: neither is used after a call that might release the lock.
    """

    cdef Slot slots[SLOTS]
    # What `show` returned, because most lines of a test send several commands.
    cdef Shown shown[SLOTS]
    cdef object classify, awaiting, show
    cdef tuple left_out
    cdef int last_kind, driver_depth
    cdef Message* messages
    cdef Place* places
    cdef Py_ssize_t message_count, message_room, place_count, place_room
    # The numbers of messages by their ids, filled when one is read: those from `numbers_first` up to `numbered`.
    cdef dict numbers
    cdef Py_ssize_t numbers_first, numbered
    # asyncio's function of this name, or None before asyncio is imported.
    cdef object get_running_loop

    def __init__(self, classify, int last_kind, awaiting, int driver_depth, show, tuple left_out not None=()):
        self.classify, self.last_kind, self.awaiting, self.driver_depth = classify, last_kind, awaiting, driver_depth
        self.show, self.left_out = show, left_out
        self.numbers = {}

    def __dealloc__(self):
        self.drop_codes()
        self.drop_places()
        PyMem_Free(self.messages)

    cdef void drop_codes(self) noexcept:
        cdef int number
        cdef PyObject* code
        cdef Shown shown
        for number in range(SLOTS):
            code, self.slots[number].code = self.slots[number].code, NULL
            xdecref(code)
            shown = self.shown[number]
            self.shown[number].code = self.shown[number].line = NULL
            xdecref(shown.code)
            xdecref(shown.line)

    cdef void drop_places(self) noexcept:
        cdef Place* places = self.places
        cdef Py_ssize_t number, count = self.place_count
        # The end of a code object may run code that sends a message.
        self.places, self.place_count, self.place_room = NULL, 0, 0
        for number in range(count):
            decref(places[number].code)
        PyMem_Free(places)

    def clear(self):
        """Discard all noted lines."""
        self.numbers, self.numbers_first, self.numbered, self.message_count = {}, 0, 0, 0
        self.drop_places()

    def forget_kinds(self):
        """Ask `classify` again for the kind of each file."""
        self.drop_codes()

    @property
    def count(self):
        """The number of messages noted since the last `clear`."""
        return self.message_count

    def of(self, long long request_id, Py_ssize_t first=0, Py_ssize_t last=PY_SSIZE_T_MAX):
        """Return what was noted for a message: the thread, the asyncio task or 0, whether the walk ended at a file of the last kind, and
        a tuple of what `show` returned for each line, innermost first. Return None for an unknown message.

        Arguments:
            first, last: the range of messages to search, as values of `count`. Drivers choose ids at random, so that one may occur again.
        """
        cdef Py_ssize_t number
        cdef Message message
        cdef Place places[MAX_DEPTH]
        cdef list found
        if first != self.numbers_first:
            self.numbers, self.numbers_first, self.numbered = {}, first, first
        for number in range(self.numbered, min(last, self.message_count)):
            self.numbers[self.messages[number].request_id] = number
            self.numbered = number + 1
        known = self.numbers.get(<unsigned int>request_id)
        if known is None:
            return None
        # Creating a list may run the garbage collector, and thus code that sends messages or clears the arrays.
        message = self.messages[<Py_ssize_t>known]
        for number in range(message.count):
            places[number] = self.places[message.first + number]
            incref(places[number].code)
        try:
            found = [self.shown_line(&places[number]) for number in range(message.count)]
        finally:
            for number in range(message.count):
                decref(places[number].code)
        return message.thread, message.task, message.is_ended, tuple(found)

    cdef object shown_line(self, Place* place):
        """Return what `show` returns for a line."""
        cdef Shown* shown = &self.shown[(slot_of(place.code) + (place.position >> 1)) % SLOTS]
        cdef Shown before
        if shown.code == place.code and shown.position == place.position:
            return <object>shown.line
        line = self.show(<object>place.code, place.position)
        before = shown[0]
        shown.code, shown.line, shown.position = place.code, <PyObject*>line, place.position
        incref(shown.code)
        incref(shown.line)
        # The end of a code object may run code.
        xdecref(before.code)
        xdecref(before.line)
        return line

    cpdef int note(self, bytes message) except -1:
        """Note the lines from which the current message is sent. The innermost frame of Python code is the driver's."""
        cdef const unsigned char* raw = <const unsigned char*>PyBytes_AS_STRING(message)
        # The frames of the running thread keep these code objects alive.
        cdef Place places[MAX_DEPTH]
        cdef Message noted
        assert len(message) > 8, "a message has a header"
        if is_among(self.left_out, raw, len(message)):
            return 0
        noted.request_id = raw[4] | raw[5] << 8 | raw[6] << 16 | <unsigned int>raw[7] << 24
        noted.thread, noted.task = PyThread_get_thread_ident(), self.running_task()
        noted.count = self.walk(places, &noted.is_ended)
        place = self.awaiting() if noted.count == 0 else None
        if place is not None:
            code, places[0].position = place
            places[0].code, noted.count, noted.is_ended = <PyObject*>code, 1, True
        return self.keep(&noted, places)

    cdef int walk(self, Place* places, bint* is_ended) except -1:
        """Find the lines of the running thread's stack, innermost first, and return their number."""
        cdef Frame* frame = frame_at(self.driver_depth)
        cdef PyObject* code
        cdef Slot* slot
        cdef int kind, depth = 0, count = 0
        if frame == NULL:
            frame = frame_at(0)
        is_ended[0] = False
        try:
            while frame != NULL and depth < MAX_DEPTH and not is_ended[0]:
                code = code_of(frame)
                slot = &self.slots[slot_of(code)]
                kind = slot.kind if slot.code == code else self.kind_of(code)
                if kind and has_begun(frame):
                    places[count].code, places[count].position = code, place_of(frame)
                    count += 1
                    is_ended[0] = kind == self.last_kind
                frame = caller_of(frame)
                depth += 1
        finally:
            drop_frame(frame)
        return count if is_ended[0] else min(count, <int>MAX_LINES)

    cdef int kind_of(self, PyObject* code) except -1:
        """Return the kind of a code object's file, if its first slot does not have it."""
        cdef int first = slot_of(code), number
        cdef Slot* slot
        for number in range(first, first + PROBES):
            if self.slots[number % SLOTS].code == code:
                return self.slots[number % SLOTS].kind
        cdef int kind = self.classify((<object>code).co_filename)
        slot = &self.slots[first]
        for number in range(first, first + PROBES):
            if self.slots[number % SLOTS].code == NULL:
                slot = &self.slots[number % SLOTS]
                break
        incref(code)  # a code object at the same address later would be taken for this one
        cdef PyObject* before = slot.code
        slot.code, slot.kind = code, kind
        if before != NULL:
            decref(before)
        return kind

    cdef int keep(self, Message* noted, Place* places) except -1:
        """Append a message and its places to the arrays."""
        cdef int number
        if self.message_count == self.message_room:
            self.messages = <Message*>grown(self.messages, &self.message_room, sizeof(Message))
        if self.place_count + noted.count > self.place_room:
            self.places = <Place*>grown(self.places, &self.place_room, sizeof(Place))
        noted.first = self.place_count
        for number in range(noted.count):
            incref(places[number].code)
            self.places[noted.first + number] = places[number]
        self.place_count += noted.count
        self.messages[self.message_count] = noted[0]
        self.message_count += 1
        return 0

    cdef size_t running_task(self) except? 0:
        """Return the identity of the running asyncio task, or 0."""
        if self.get_running_loop is None:
            asyncio = modules.get("asyncio")
            if asyncio is None:
                return 0
            self.get_running_loop = asyncio._get_running_loop
        loop = self.get_running_loop()
        if loop is None:
            return 0
        return <size_t>id(modules["asyncio"].current_task(loop))


cdef bint is_among(tuple names, const unsigned char* raw, Py_ssize_t length) noexcept:
    """Return whether a message is an OP_MSG that begins with the document of a command with one of the given names.

    https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
    """
    cdef bytes name
    if length <= NAME_PLACE or (raw[12] | raw[13] << 8) != OP_MSG or raw[KIND_PLACE] != 0:
        return False
    for name in names:
        if PyBytes_GET_SIZE(name) <= length - NAME_PLACE and memcmp(raw + NAME_PLACE, PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name)) == 0:
            return True
    return False


cdef inline int slot_of(PyObject* code) noexcept:
    """Return the number of a code object's first slot."""
    return (<uintptr_t>code >> 5 ^ <uintptr_t>code >> 14) % SLOTS


cdef void* grown(void* array, Py_ssize_t* room, size_t size) except NULL:
    """Return an array with twice as much room, at least for one message, given the size of its elements.

    Raises:
        MemoryError: there is not enough memory. The array does not change.
    """
    cdef Py_ssize_t wanted = max(2 * room[0], <Py_ssize_t>MAX_DEPTH)
    cdef void* found = PyMem_Realloc(array, wanted * size)
    if found == NULL:
        raise MemoryError()
    room[0] = wanted
    return found
