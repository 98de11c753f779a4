"""Reading, writing and changing files of the host."""

from __future__ import annotations

# Attacks call the system as directly as they can.
# ruff: noqa: PTH101, PTH104, PTH105, PTH106, PTH108, PTH110, PTH111, PTH116, PTH118, PTH120, PTH123, PTH208, SIM115
import ctypes
import mmap
import os
import sys

from evals_pipeline_tests.sandbox.attacks.attack import attack
from evals_pipeline_tests.sandbox.attacks.kit import call, native, read


@attack()
def reads_accounts_of_the_host(notes, aim):
    for path in ("/etc/passwd", "/etc/group", "/etc/hosts", "/etc/resolv.conf", "/etc/shadow", "/etc/machine-id"):
        notes.attempt(path, read, path)


@attack()
def reads_a_secret_that_anybody_may_read(notes, aim):
    notes.attempt("open", read, aim.files.secret)
    notes.attempt("os.open", lambda: os.read(os.open(aim.files.secret, os.O_RDONLY), 100))
    notes.attempt("read and write", lambda: os.read(os.open(aim.files.secret, os.O_RDWR), 100))


@attack()
def reads_keys_in_a_home(notes, aim):
    for name in (".ssh/id_ed25519", ".aws/credentials", "../.env"):
        notes.attempt(name, read, os.path.join(aim.files.home, name))
    for name in ("~/.bashrc", "~/.profile", "~/.netrc"):
        notes.attempt(name, read, os.path.expanduser(name))


@attack()
def reads_the_project(notes, aim):
    for name in ("pyproject.toml", "README.md", ".git/config", "evals_pipeline/definitions.py"):
        notes.attempt(name, read, os.path.join(aim.files.repository, name))
    notes.attempt("working directory", read, "pyproject.toml")


@attack()
def reads_settings_beside_the_interpreter(notes, aim):
    for prefix in {sys.prefix, sys.base_prefix, aim.files.prefix, os.path.dirname(sys.executable)}:
        for name in ("pyvenv.cfg", "pip.conf", "bin/activate", "python3", "../etc/pip.conf"):
            notes.attempt(f"{prefix}/{name}", read, os.path.join(prefix, name), "rb")


@attack()
def reads_what_the_kernel_shows(notes, aim):
    for name in ("self/environ", "self/maps", "self/cmdline", "self/status", "1/environ", "1/cmdline", "mounts"):
        notes.attempt(name, read, f"/proc/{name}", "rb")
    for path in ("/proc/version", "/proc/net/tcp", "/proc/sys/kernel/hostname", "/sys/kernel/mm/numa/demotion_enabled"):
        notes.attempt(path, read, path)
    notes.attempt("own memory", os.open, "/proc/self/mem", os.O_RDWR)


@attack()
def opens_devices(notes, aim):
    for name in ("null", "zero", "urandom", "tty", "ptmx", "mem", "kmsg", "kvm", "fuse", "shm", "fd"):
        notes.attempt(name, os.open, f"/dev/{name}", os.O_RDONLY)


@attack()
def goes_through_links(notes, aim):
    link = os.path.join(aim.files.folder, "link")
    notes.attempt("symbolic link", os.symlink, aim.files.secret, link)
    notes.attempt("through the symbolic link", read, link)
    notes.attempt("hard link", os.link, aim.files.secret, link + "2")
    notes.attempt("link in the libraries", os.symlink, aim.files.secret, aim.files.places[0] + "/" + aim.files.mark)
    notes.attempt("named pipe", os.mkfifo, link + "3")


@attack()
def climbs_out_of_the_library_folder(notes, aim):
    library = os.path.dirname(os.__file__)
    dots = "/.." * library.count("/")
    notes.attempt("dots", read, library + dots + aim.files.secret)
    notes.attempt("chdir", os.chdir, aim.files.folder)
    notes.attempt("relative", read, "secret.txt")
    try:
        folder = os.open(library, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return
    notes.attempt("from a descriptor", os.open, dots[1:] + aim.files.secret, os.O_RDONLY, dir_fd=folder)
    notes.attempt("fchdir", os.fchdir, folder)


@attack(control="chroot(2) is root's; an ordinary user is refused with or without a sandbox")
def changes_its_root(notes, aim):
    notes.attempt("chroot", os.chroot, ".")
    notes.attempt("chroot elsewhere", os.chroot, aim.files.folder)
    notes.attempt("what lies above", read, "../" * 20 + aim.files.secret)


@attack()
def lists_folders(notes, aim):
    def finds(folder, name):
        if name not in os.listdir(folder):
            raise FileNotFoundError(2, f"only {os.listdir(folder)}")  # a root of its own has folders, too
        return name

    notes.attempt("open folder", lambda: os.listdir(aim.files.folder))
    for folder, name in (
        ("/etc", "passwd"),
        ("/", "home"),
        ("/", "proc"),
        ("/proc", "1"),
        ("/dev", "null"),
        ("/sys", "fs"),
    ):
        notes.attempt(f"{name} in {folder}", finds, folder, name)


@attack(tiers=(1, 3))  # Landlock does not rule stat(2): names, sizes and dates are open
def learns_that_a_file_is_there(notes, aim):
    notes.attempt("stat", os.stat, aim.files.secret)
    notes.attempt("access", lambda: os.access(aim.files.secret, os.F_OK) or os.stat(aim.files.secret))
    notes.attempt("exists", lambda: os.path.exists(aim.files.secret) or os.stat(aim.files.secret))
    notes.attempt("lstat", os.lstat, "/etc/passwd")
    notes.attempt("statvfs", os.statvfs, aim.files.folder)


@attack(tiers=(1, 3))  # as above
def learns_where_links_lead(notes, aim):
    notes.attempt("link", os.readlink, aim.files.link)
    notes.attempt("own program", os.readlink, "/proc/self/exe")
    notes.attempt("working folder of the first process", os.readlink, "/proc/1/cwd")


@attack()
def writes_new_files_everywhere(notes, aim):
    for place in aim.files.places:
        path = os.path.join(place, aim.files.mark)
        notes.attempt(f"new in {place}", lambda path=path: os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o666)))
    notes.attempt("folder", os.mkdir, os.path.join(aim.files.folder, "new"))
    notes.attempt("python", lambda: open(os.path.join(aim.files.folder, "new.py"), "w").close() or "written")


@attack()
def overwrites_a_file(notes, aim):
    notes.attempt("truncating", lambda: open(aim.files.precious, "w").close() or "emptied")
    notes.attempt("appending", lambda: open(aim.files.precious, "a").write("more"))
    notes.attempt("in place", lambda: os.write(os.open(aim.files.precious, os.O_RDWR), b"other"))
    notes.attempt("truncate", lambda: os.truncate(aim.files.precious, 3) or "cut")
    notes.attempt("open and cut", lambda: os.open(aim.files.precious, os.O_RDONLY | os.O_TRUNC))


@attack()
def changes_what_a_file_is(notes, aim):
    notes.attempt("chmod", lambda: os.chmod(aim.files.precious, 0o4755) or "set-uid")
    notes.attempt("utime", lambda: os.utime(aim.files.precious, (1, 1)) or "aged")
    notes.attempt("chown", lambda: os.chown(aim.files.precious, os.getuid(), os.getgid()) or "owned")
    notes.attempt("attribute", lambda: os.setxattr(aim.files.precious, "user.mark", b"1") or "marked")
    notes.attempt("without following", lambda: os.utime(aim.files.precious, (1, 1), follow_symlinks=False) or "aged")


@attack()
def removes_and_renames(notes, aim):
    notes.attempt("rename", lambda: os.rename(aim.files.secret, aim.files.secret + ".old") or "renamed")
    notes.attempt("replace", lambda: os.replace(aim.files.precious, aim.files.precious + ".old") or "replaced")
    notes.attempt("unlink", lambda: os.unlink(os.path.join(aim.files.folder, ".env")) or "removed")
    notes.attempt("rmdir", lambda: os.rmdir(os.path.join(aim.files.folder, "empty")) or "removed")


@attack()
def fills_the_disk(notes, aim):
    block = b"x" * 1_000_000
    for place in aim.files.places:
        path = os.path.join(place, aim.files.mark + ".big")
        notes.attempt(place, lambda path=path: sum(open(path, "ab").write(block) for _ in range(4)))
    notes.attempt(
        "standard input", lambda: os.posix_fallocate(os.open(aim.files.precious, os.O_RDWR), 0, 4_000_000) or 1
    )


@attack()
def opens_with_strange_flags(notes, aim):
    def opens(name, path, flags):
        notes.attempt(name, call, "openat", -100, path.encode(), flags, 0o666)

    opens("only a path", aim.files.secret, 0o10000000)
    opens("without a name", aim.files.folder, 0o20200000 | os.O_RDWR)
    opens("high bits", aim.files.secret, (1 << 40) | os.O_RDWR)
    opens("all flags", aim.files.secret, os.O_RDWR | os.O_ASYNC | os.O_NOATIME | os.O_NOFOLLOW)
    library = os.path.join(os.path.dirname(os.__file__), "os.py")
    opens("path of a library", library, 0o10000000)
    notes.attempt("openat2", call, "openat2", -100, aim.files.secret.encode(), (ctypes.c_uint64 * 3)(0, 0, 0), 24)
    notes.attempt("handle", call, "name_to_handle_at", -100, aim.files.secret.encode(), (ctypes.c_int * 40)(128), 0, 0)


@attack()
def reads_by_way_of_libraries(notes, aim):
    import fileinput
    import linecache
    import runpy
    import sqlite3
    import tokenize

    notes.see("linecache", linecache.getlines(aim.files.secret))
    notes.attempt("fileinput", lambda: next(fileinput.FileInput(aim.files.secret)))
    notes.attempt("tokenize", lambda: tokenize.open(aim.files.secret).read())
    notes.attempt("runpy", lambda: runpy.run_path(aim.files.folder + "/empty.py"))
    notes.attempt("sqlite3", lambda: sqlite3.connect(aim.files.folder + "/new.db").execute("create table t (c)"))
    notes.attempt("shared library", lambda: ctypes.CDLL(aim.files.secret))


@attack()
def reads_by_way_of_numpy(notes, aim):
    import numpy

    notes.attempt("fromfile", lambda: numpy.fromfile(aim.files.secret, dtype="S1").tobytes())
    notes.attempt("loadtxt", lambda: numpy.loadtxt(aim.files.secret, dtype=str))
    notes.attempt("memmap", lambda: bytes(numpy.memmap(aim.files.secret, mode="r")))
    notes.attempt("tofile", lambda: numpy.zeros(9).tofile(aim.files.folder + "/new.bin") or "written")


@attack()
def maps_a_file_into_memory(notes, aim):
    def maps(access):
        with open(aim.files.secret, "r+b") as file:
            return mmap.mmap(file.fileno(), 0, access=access)[:60]

    notes.attempt("shared", maps, mmap.ACCESS_WRITE)
    notes.attempt("private", maps, mmap.ACCESS_COPY)
    notes.attempt(
        "execution", lambda: native("shm_open", b"/" + aim.files.mark.encode(), os.O_CREAT | os.O_RDWR, 0o666)
    )


@attack()
def watches_files(notes, aim):
    notes.attempt("inotify", lambda: native("inotify_init1", 0))
    notes.attempt("watch", lambda: native("inotify_add_watch", 0, aim.files.folder.encode(), 0xFFF))
    notes.attempt("fanotify", lambda: native("fanotify_init", 0x200, 0))
    notes.attempt("lease", lambda: native("fcntl", 0, 1024, 1))
