"""The operating system's time, threads, locks and sockets, at a level below the functions that test tools patch.

A server that shares a process with a test suite also shares its modules. gevent and eventlet replace `threading`, `_thread`, `socket`,
`select` and `time` with cooperative versions, before or after the server has started. freezegun and time-machine stop `time` and
`datetime`. pytest-socket disables `socket.socket`. Therefore the server uses only the clocks, locks, threads, waits and sockets of this
package.
"""
