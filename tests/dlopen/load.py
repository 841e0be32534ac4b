"""Loads and uses each of the libraries in one process: python3 load.py LIBRARY..."""

import _ctypes
import ctypes
import sys
import threading
import urllib.request

THREADS, CALLS = 4, 20


def use(path, before):
    library = ctypes.CDLL(path)
    library.begin.restype = ctypes.c_uint16
    library.calls.restype = library.allocated_bytes.restype = ctypes.c_uint64
    port = library.begin()
    assert port, f"{path}: no start"
    threads = [threading.Thread(target=library.work, args=(CALLS,)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    library.work(CALLS)
    for thread in threads:
        thread.join()
    expected = before + (THREADS + 1) * CALLS
    assert library.calls() == expected, f"{path}: {library.calls()} calls, not {expected}"
    assert library.allocated_bytes() >= expected * 1000, library.allocated_bytes()
    for route, part in [("/healthz", "ok"), ("/metrics", "function_calls_total"), ("/snapshot", '"busy"')]:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{route}", timeout=60) as answer:
            assert part in answer.read().decode(), route
    library.end()
    return library


loaded = [use(path, 0) for path in sys.argv[1:]]
# Once more, while it is still loaded.
use(sys.argv[1], (THREADS + 1) * CALLS)
# A thread that used the library ends after the host has closed it.
waiting, released = threading.Barrier(2), threading.Event()


def stay(library):
    library.work(1)
    waiting.wait()
    released.wait()


thread = threading.Thread(target=stay, args=(loaded[-1],))
thread.start()
waiting.wait()
_ctypes.dlclose(loaded[-1]._handle)
released.set()
thread.join()
print("used", len(loaded))
