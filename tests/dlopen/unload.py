"""Loads, uses and closes a library, five times in one process: python3 unload.py LIBRARY started|unstarted"""

import _ctypes
import ctypes
import os
import signal
import sys
import threading
import urllib.request

ROUNDS, CALLS = 5, 5
path, is_started = sys.argv[1], sys.argv[2] == "started"
waiting, released = threading.Barrier(2), threading.Event()


def use(library, number):
    """Runs on a thread that ends, so that no state of the main thread keeps the library loaded."""
    port = library.begin() if is_started else 0
    library.work(CALLS)
    if is_started:
        assert port, f"round {number}: no start"
        expected = number * (CALLS + 1) + CALLS
        assert library.calls() == expected, f"round {number}: {library.calls()} calls, not {expected}"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
            assert "function_calls_total" in answer.read().decode()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/snapshot", timeout=60) as answer:
            assert '"stacks":"on' in answer.read().decode().replace(" ", ""), "stacks are not sampled"
        library.end()


def stay(work):
    """Runs on a thread that uses the library and ends after the host has closed it."""
    work(1)
    waiting.wait()
    released.wait()


for number in range(ROUNDS):
    library = ctypes.CDLL(path)
    library.begin.restype = ctypes.c_uint16
    library.calls.restype = ctypes.c_uint64
    user = threading.Thread(target=use, args=(library, number))
    user.start()
    user.join()
    released.clear()
    stayed = threading.Thread(target=stay, args=(library.work,))
    stayed.start()
    waiting.wait()
    _ctypes.dlclose(library._handle)
    # These run the signal handler, the fork handlers and the destructors of a thread.
    os.kill(os.getpid(), signal.SIGURG)
    child = os.fork()
    if child == 0:
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, "the child did not end well"
    released.set()
    stayed.join()
    os.kill(os.getpid(), signal.SIGURG)
print("let go", ROUNDS)
