import struct
import sys
from pathlib import Path

import pytest

from evals_pipeline.sandbox import landlock
from evals_pipeline_tests.sandbox import children

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Landlock is Linux's")
FILE, TCP, SCOPES = 0, 1, 2


@pytest.mark.parametrize(
    ("version", "file_rights", "fields"),
    [(1, 13, 1), (2, 14, 1), (3, 15, 1), (4, 15, 2), (5, 16, 2), (6, 16, 3), (7, 16, 3), (9, 17, 3), (12, 17, 3)],
)
def test_a_version_is_asked_for_all_it_knows_and_nothing_else(version: int, file_rights: int, fields: int) -> None:
    attributes = landlock.attributes(version)

    found = struct.unpack(f"<{fields}Q", attributes)
    assert found[FILE] == 2**file_rights - 1
    assert set(found[TCP:]) <= {0b11}


RESTRICT = """
def read(path):
    with open(path) as file:
        return file.read()

if not landlock.version():
    tell(version=0)
    os._exit(0)
syscalls.prctl(38, 1)
landlock.restrict([{allowed!r}, "/no/such/folder"])
tell(
    version=landlock.version(),
    inside=attempt(lambda: read({allowed!r} + "/inside")),
    listed=attempt(lambda: os.listdir({allowed!r})),
    linked=attempt(lambda: read({allowed!r} + "/link")),
    outside=attempt(lambda: read({other!r} + "/outside")),
    other=attempt(lambda: os.listdir({other!r})),
    written=attempt(lambda: open({allowed!r} + "/inside", "w")),
    made=attempt(lambda: os.mkdir({allowed!r} + "/made")),
    removed=attempt(lambda: os.remove({allowed!r} + "/inside")),
    run=attempt(lambda: os.execv("/bin/true", ["true"])),
)
"""


def test_only_the_folders_named_are_left_and_only_for_reading(tmp_path: Path) -> None:
    (allowed := tmp_path / "allowed").mkdir()
    (other := tmp_path / "other").mkdir()
    (allowed / "inside").write_text("library")
    (other / "outside").write_text("secret")
    (allowed / "link").symlink_to(other / "outside")

    facts = children.told(RESTRICT.format(allowed=str(allowed), other=str(other)))

    if not facts.pop("version"):
        pytest.skip("this kernel has no Landlock")
    assert (facts.pop("inside"), sorted(facts.pop("listed"))) == ("library", ["inside", "link"])
    assert set(facts.values()) == {"PermissionError"}


def test_where_it_is_forbidden_its_version_is_0() -> None:
    facts = children.on_a_host_without(["landlock_create_ruleset"], "tell(version=landlock.version())")

    assert facts["version"] == 0
