# What the dispatcher and the express lane share, for other compiled modules: see _operation.pyx.

cdef class Counts:
    cdef public long long inserted, updated, deleted, returned, keys, documents, whole_scans, tailing_scans, sorts
    cdef public dict rows

cdef class Lane:
    cdef readonly bint is_open
    cdef readonly double threshold_s
    cdef readonly tuple late
    cdef readonly tuple logs

cdef class ExpressCall:
    cdef readonly bytes raw
    cdef readonly str name
    cdef readonly str db
    cdef readonly str target
    cdef readonly double seconds
    cdef readonly object index
    cdef readonly bint is_range
    cdef readonly long long keys, documents, returned, whole_scans
    cdef readonly Py_ssize_t batch_bytes

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
