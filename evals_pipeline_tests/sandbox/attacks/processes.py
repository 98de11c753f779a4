"""Starting processes and threads, and living on."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
import time

from evals_pipeline_tests.sandbox.attacks.attack import attack
from evals_pipeline_tests.sandbox.attacks.kit import call, native


@attack()
def forks(notes, aim):
    def fork(how):
        child = how()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        return child

    notes.attempt("fork", fork, os.fork)
    notes.attempt("forkpty", fork, lambda: os.forkpty()[0])
    notes.attempt("in C", fork, lambda: native("fork"))
    notes.attempt("call", fork, lambda: call("fork"))


@attack()
def clones_by_raw_calls(notes, aim):
    def clone(name, *arguments):
        child = call(name, *arguments)
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        return child

    sigchld, parent = 17, 0x8000
    notes.attempt("clone", clone, "clone", sigchld, 0, 0, 0, 0)
    notes.attempt("as a brother", lambda: call("clone", sigchld | parent, 0, 0, 0, 0) or os._exit(0))
    notes.attempt("clone3", clone, "clone3", (ctypes.c_uint64 * 8)(0, 0, 0, 0, sigchld, 0, 0, 0), 64)
    notes.attempt("high bits", clone, "clone", sigchld | 1 << 40, 0, 0, 0, 0)


@attack()
def runs_programs(notes, aim):
    target = os.path.join(aim.files.folder, "made by a program")  # noqa: PTH118

    def succeeded(code):
        if code:
            raise PermissionError(1, f"system: {code}")
        return "ran"

    notes.attempt("system", lambda: succeeded(os.system(f"touch '{target}'")))
    notes.attempt("subprocess", lambda: subprocess.run(["/bin/true"], check=True))
    notes.attempt("shell", lambda: subprocess.check_output("id", shell=True))
    notes.attempt("popen", lambda: os.popen("id").read())
    notes.attempt("posix_spawn", lambda: os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0))
    notes.attempt("python", lambda: subprocess.run([sys.executable, "-c", "1"], check=True))


@attack(ends=("", "WorkerCrashed"))
def becomes_another_program(notes, aim):
    made = os.path.join(aim.files.folder, "made by a program")  # noqa: PTH118
    shell = ["sh", "-c", f"touch '{made}'"]
    notes.end("execve")
    notes.attempt("execveat", call, "execveat", -100, b"/nonexistent", None, None, 0)
    notes.attempt("the loader", os.execv, "/lib64/ld-linux-x86-64.so.2", ["ld", "/bin/sh", "-c", shell[2]])
    notes.attempt("execve", os.execve, "/bin/sh", shell, {})


@attack()
def forks_without_end(notes, aim):
    """As many as an innocent machine can bear, when nothing stops it."""
    for number in range(60):
        try:
            child = os.fork()
        except OSError:
            continue
        if child == 0:
            time.sleep(0.2)
            os._exit(0)
        notes.add(f"child {number}", "worked", str(child))
    notes.see("tried", 60)


@attack()
def starts_threads(notes, aim):
    import _thread
    from concurrent.futures import ThreadPoolExecutor

    def pool():
        with ThreadPoolExecutor(1) as executor:
            return executor.submit(len, "abc").result()

    def in_c():
        body = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(lambda _: None)
        handle = ctypes.c_ulong()
        code = ctypes.CDLL(None).pthread_create(ctypes.byref(handle), None, body, None)
        if code:
            raise OSError(code, "pthread_create")
        ctypes.PyDLL(None).PyEval_SaveThread.restype = ctypes.c_void_p
        return ctypes.CDLL(None).pthread_join(handle, None) or "joined"

    notes.attempt("thread", lambda: threading.Thread(target=len, args=("abc",)).start() or "started")
    notes.attempt("low level", _thread.start_new_thread, len, ("abc",))
    notes.attempt("pool", pool)
    notes.attempt("timer", lambda: threading.Timer(0, len, ("abc",)).start() or "started")
    notes.attempt("in C", in_c)


@attack()
def starts_threads_without_end(notes, aim):
    ends = threading.Event()
    for number in range(60):
        try:
            threading.Thread(target=ends.wait, args=(1.0,), daemon=True).start()
        except RuntimeError:
            continue
        notes.add(f"thread {number}", "worked", "started")
    ends.set()
    notes.see("tried", 60)


@attack()
def leaves_a_process_behind(notes, aim):
    """A daemon that would write when everything else is over."""

    def daemon():
        child = os.fork()
        if child:
            return child
        os.setsid()
        if os.fork() == 0:
            with open(os.path.join(aim.files.folder, "alive"), "w") as file:  # noqa: PTH118, PTH123
                file.write("alive")
        os._exit(0)

    child = notes.attempt("daemon", daemon)
    if child:
        os.waitpid(child, 0)
    notes.attempt("outlive the parent", native, "prctl", 1, 0, 0, 0, 0)
    notes.attempt("adopt orphans", native, "prctl", 36, 1, 0, 0, 0)
    notes.attempt("session", os.setsid)


@attack(ends=("", "SystemExit", "WorkerCrashed"))
def hides_work_behind_the_end(notes, aim):
    """What runs when the interpreter ends."""
    import atexit

    atexit.register(os.system, f"touch '{aim.files.folder}/at the end'")
    atexit.register(lambda: os.fork() == 0 and os._exit(0))
    notes.end("leaving")
    sys.exit(0)
