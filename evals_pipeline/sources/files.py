"""Spans in files: a folder, a file, a glob, or any URI that fsspec opens."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

import fsspec

from evals_pipeline.core.errors import SourceError
from evals_pipeline.sources.batches import Batch, Problem, batches
from evals_pipeline.sources.formats import entries
from evals_pipeline.sources.normalise import span_table
from evals_pipeline.sources.parquet import MAGIC, parquet_batches
from evals_pipeline.sources.streams import chunks

_ENDINGS = frozenset({"", ".parquet", ".pq", ".json", ".jsonl", ".ndjson", ".pb", ".bin", ".binpb", ".otlp"})
_COMPRESSED_ENDINGS = (".gz", ".zst", ".zstd")
_UNFINISHED_ENDINGS = (".tmp", ".part")
_VERSION_KEYS = ("ETag", "etag", "mtime", "LastModified", "last_modified", "updated", "modified", "created")
"""What file systems call the thing that changes with the content, the surest first."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of spans as it was when listed."""

    uri: str
    size: int
    modified: str
    """Time of the last change, or the object store's ETag: with the size, it changes when the file does."""


@dataclass(frozen=True, slots=True)
class IgnoredFile:
    """A file beside the spans that is not read, and why."""

    uri: str
    reason: str


@dataclass(frozen=True, slots=True)
class Listing:
    """The files under a path, each kind sorted by URI."""

    files: tuple[SourceFile, ...]
    ignored: tuple[IgnoredFile, ...]


def list_files(path: str, base: str | Path = "") -> Listing:
    """The files of spans at `path`: those of a folder and all folders in it, one file, or those a glob matches.

    Args:
        path: Folder, file, glob or URI.
        base: Folder or URI that a relative path starts at.

    Raises:
        SourceError: There is nothing at `path`, or it cannot be listed.
    """
    uri = _absolute(path, str(base))
    system, place = _file_system(uri)
    try:
        infos = _infos(system, place)
    except FileNotFoundError as cause:
        raise _nothing_there(path, uri, system, place) from cause
    except Exception as cause:
        raise SourceError(f"{uri!r} cannot be listed: {_reason(cause)}\nHint: {_hint(cause)}") from cause
    return _sorted_listing(system, place, infos)


def read_file(file: SourceFile) -> Iterator[Batch]:
    """The spans of a file in batches of at most 5,000 spans and about 64 MB of text, each with its problems.

    Bad lines, bad spans and damaged content are problems, and the spans before and after them are given. A file that
    has gone while its folder is still there is a problem too.

    Raises:
        SourceError: The file cannot be opened or read for a reason outside it (rights, network, the folder is gone):
            it counts as not read.
    """
    system, place = _file_system(file.uri)
    try:
        with system.open(place, "rb") as stream:
            yield from _batches(file.uri, stream)
    except FileNotFoundError as cause:
        if not _exists(system, system._parent(place)):
            raise SourceError(
                f"the folder of {file.uri!r} has vanished while it was read\nHint: {_hint(cause)}"
            ) from cause
        yield Batch(span_table([]), [Problem(file.uri, None, "the file has vanished since it was listed")])
    except OSError as cause:
        raise SourceError(f"{file.uri!r} cannot be read: {_reason(cause)}\nHint: {_hint(cause)}") from cause


def _batches(uri: str, stream: IO[bytes]) -> Iterator[Batch]:
    magic = stream.read(len(MAGIC))
    stream.seek(0)
    if magic == MAGIC:
        return parquet_batches(uri, stream)
    if PurePosixPath(uri).suffix in (".parquet", ".pq"):
        problem = Problem(uri, None, "no Parquet file: it does not begin as one, or is empty or still being written")
        return iter([Batch(span_table([]), [problem])])
    return batches(uri, entries(_content_name(uri), chunks(stream)))


def _content_name(uri: str) -> str:
    name = PurePosixPath(uri).name.lower()
    ending = next((ending for ending in _COMPRESSED_ENDINGS if name.endswith(ending)), "")
    return name.removesuffix(ending)


def _absolute(path: str, base: str) -> str:
    if "://" in path or Path(path).is_absolute() or not base:
        return path
    return f"{base.rstrip('/')}/{path}" if "://" in base else str(Path(base) / path)


def _file_system(uri: str) -> tuple[Any, str]:
    try:
        system, place = fsspec.core.url_to_fs(uri)
    except (ImportError, ValueError) as cause:
        hint = "install the package that the message names, or mend the part before ://"
        raise SourceError(f"{uri!r} cannot be opened: {cause}\nHint: {hint}") from cause
    return system, str(place)


def _infos(system: Any, place: str) -> list[dict[str, Any]]:
    """What the file system says of each file at `place`; folders are walked, and the store is asked afresh."""
    system.invalidate_cache()
    if any(sign in place for sign in "*?[") and not _exists(system, place):
        matches = system.glob(place, detail=True)
        if not matches:
            raise FileNotFoundError(errno.ENOENT, "no file matches", place)
        found = [info for match in matches.values() for info in _walk(system, match)]
    else:
        found = _walk(system, system.info(place))
    return list({info["name"]: info for info in found}.values())


def _exists(system: Any, place: str) -> bool:
    try:
        return bool(system.exists(place))
    except OSError:
        return False


def _walk(system: Any, root: dict[str, Any]) -> list[dict[str, Any]]:
    """All files at or below `root`. fsspec's own walk leaves out folders that it may not read, without a word."""
    found: list[dict[str, Any]] = []
    waiting = [_followed(root)]
    seen = set()
    while waiting:
        info = waiting.pop()
        target = info.get("target", info["name"])
        if info["type"] != "directory":
            found.append(info)
        elif target not in seen:
            seen.add(target)
            members = system.ls(info["name"], detail=True)
            waiting.extend(_followed(member) for member in members if _is_visible(member["name"], info["name"]))
    return found


def _followed(info: dict[str, Any]) -> dict[str, Any]:
    """`info` itself, or for a link on a local disk what it leads to, under the link's own name."""
    if not info.get("islink"):
        return info
    target = Path(os.path.realpath(info["name"]))
    if not target.exists():
        return info | {"type": "broken link"}
    status = target.stat()
    kind = "directory" if target.is_dir() else "file"
    return info | {"type": kind, "size": status.st_size, "mtime": status.st_mtime, "target": str(target)}


def _is_visible(name: str, parent: str) -> bool:
    last = name.rstrip("/").rpartition("/")[2]
    return bool(last) and not last.startswith(".") and name.rstrip("/") != parent.rstrip("/")


def _sorted_listing(system: Any, place: str, infos: list[dict[str, Any]]) -> Listing:
    files, ignored = [], []
    for info in sorted(infos, key=lambda info: str(info["name"])):
        uri = _uri(system, info["name"])
        reason = "" if info["name"].rstrip("/") == place.rstrip("/") else _reason_to_ignore(info)
        if reason:
            ignored.append(IgnoredFile(uri, reason))
        else:
            files.append(SourceFile(uri, int(info.get("size") or 0), _version(info)))
    return Listing(tuple(files), tuple(ignored))


def _uri(system: Any, name: str) -> str:
    """Local files by their plain path, others with the protocol in front."""
    protocols = (system.protocol,) if isinstance(system.protocol, str) else system.protocol
    return name if "file" in protocols else str(system.unstrip_protocol(name))


def _reason_to_ignore(info: dict[str, Any]) -> str:
    name = PurePosixPath(info["name"]).name.lower()
    if info["type"] == "broken link":
        return "a link that leads nowhere"
    if name.endswith(_UNFINISHED_ENDINGS):
        return "still being written, as its ending says"
    if name.startswith("_"):
        return "a marker of the writer, as its leading underscore says"
    ending = PurePosixPath(_content_name(name)).suffix
    return "" if ending in _ENDINGS else f"no kind of spans ends in {ending}"


def _version(info: dict[str, Any]) -> str:
    return next((str(info[key]) for key in _VERSION_KEYS if info.get(key)), "")


def _nothing_there(path: str, uri: str, system: Any, place: str) -> SourceError:
    """What was asked for, and the nearest folder above that does exist, with what it holds."""
    parent = system._parent(place)
    while parent not in ("", "/") and not _exists(system, parent):
        parent = system._parent(parent)
    try:
        names = sorted(PurePosixPath(name.rstrip("/")).name for name in system.ls(parent, detail=False))
    except OSError:
        names = []
    there_is = ", ".join(names[:10]) + (", …" if len(names) > 10 else "") if names else "nothing"
    looked = f" (looked for {uri!r})" if uri != path else ""
    return SourceError(
        f"there is nothing at {path!r}{looked}; in {parent!r} there is: {there_is}\n"
        "Hint: mend `path` of the project's source; a relative path starts at the project folder"
    )


def _reason(cause: BaseException) -> str:
    return (getattr(cause, "strerror", None) or str(cause) or type(cause).__name__)[:300]


def _hint(cause: BaseException) -> str:
    if isinstance(cause, PermissionError):
        return "give the user that runs this the right to read it"
    return "check that the disk or the store is reachable, then run again"
