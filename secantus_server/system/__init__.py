"""Time, threads, locks and sockets as the operating system gives them, beneath what a test's tools replace.

A server that shares a process with a test suite shares its modules too. gevent and eventlet replace `threading`, `_thread`,
`socket`, `select` and `time` by cooperative versions, before or after the server has started. freezegun and time-machine stop `time` and
`datetime`. pytest-socket forbids `socket.socket`. The server uses none of them: its clocks, locks, threads, waits and sockets are those
of this package.
"""
