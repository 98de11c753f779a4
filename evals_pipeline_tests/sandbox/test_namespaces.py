import sys
from pathlib import Path

import pytest

from evals_pipeline_tests.sandbox import children

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")

ENTER = """
import socket
try:
    rights = namespaces.unshare()
    if os.fork():
        os._exit(os.waitstatus_to_exitcode(os.wait()[1]))
    namespaces.replace_root({folders!r})
except OSError as error:
    raise SystemExit("namespaces: does not work here: " + str(error))

def read(path):
    with open(path) as file:
        return file.read()

def below(top):
    return sorted(os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names)
"""


def test_the_root_holds_the_folders_at_their_places_and_nothing_else(tmp_path: Path) -> None:
    (library := tmp_path / "library").mkdir()
    (inner := library / "inner").mkdir()
    (inner / "module.py").write_text("x = 1")
    (tmp_path / "cache").write_text("loader")
    (tmp_path / "secret").write_text("key")
    (tmp_path / "alias").symlink_to(library)
    (tmp_path / "relative").symlink_to("library/inner")
    folders = [str(tmp_path / name) for name in ("library", "library/inner", "cache", "alias", "relative")]

    facts = children.told(
        ENTER.format(folders=folders) + f"tell(files=below('/'), alias=read({folders[3]!r} + '/inner/module.py'), "
        f"relative=read({folders[4]!r} + '/module.py'), cache=read({folders[2]!r}))"
    )

    assert facts["files"] == sorted([str(inner / "module.py"), str(tmp_path / "cache")])
    assert (facts["alias"], facts["relative"], facts["cache"]) == ("x = 1", "x = 1", "loader")


@pytest.mark.parametrize("as_user", [False, True], ids=["as this user", "as an ordinary user"])
def test_nothing_of_it_can_be_written_and_nothing_of_the_host_is_seen(as_user: bool) -> None:
    tries = """
tell(
    rights=rights,
    me=os.getpid(),
    top=sorted(os.listdir("/")),
    written=[attempt(lambda: open(path, "w")) for path in ("/new", "/usr/new", "/usr/share/zoneinfo/UTC")],
    links=[name for _, name in socket.if_nameindex()],
    signal=attempt(lambda: os.kill(1 + os.getpid(), 0)),
)
"""

    facts = children.told(ENTER.format(folders=["/usr/share/zoneinfo"]) + tries, as_user=as_user)

    assert facts["rights"] in (["user"] if as_user else ["root", "user"])
    assert (facts["me"], facts["top"], facts["links"]) == (1, ["usr"], ["lo"])
    assert set(facts["written"]) == {"OSError"}
    assert facts["signal"] == "ProcessLookupError"


def test_the_hosts_own_files_stay_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("1")
    before = sorted(Path("/").iterdir())

    children.told(ENTER.format(folders=[str(tmp_path)]) + "tell(entered=True)")

    assert (tmp_path / "kept").read_text() == "1"
    assert sorted(Path("/").iterdir()) == before
