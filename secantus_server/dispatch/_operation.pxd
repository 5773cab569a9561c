# A running command, for other compiled modules.

cdef class Operation:
    cdef object _clock
    cdef object _new_notes
    cdef object _body
    # The message from which the body is decoded at its first use.
    cdef bytes _raw
    cdef readonly object opid
    cdef readonly object connection_id
    cdef readonly str db
    cdef readonly tuple users
    cdef public object session
    cdef readonly unsigned long thread
    cdef readonly double started
    cdef public object deadline
    cdef public object killed
    cdef public object time_left
    cdef public double waited
    cdef public object wake
    cdef public object engine
    cdef public object notes
    cdef public bint notes_lookups
    cdef public bint has_cursor
    cdef public object origin


# Return the operation of a message, whose body is decoded when it is first needed.
cdef Operation operation_of(clock, opid, connection_id, str db, new_notes, bytes raw)
