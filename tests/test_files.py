"""A file appears whole or not at all, and what stood there stays until then."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from slimdsl.files import TEMPORARY_SUFFIX, FileWriteError, replace_file, write_all
from tests.work import PATIENCE


def write(path: Path, content: bytes) -> None:
    with replace_file(str(path)) as descriptor:
        write_all(descriptor, content)


def fail(path: Path, error: type[BaseException]) -> None:
    with replace_file(str(path)) as descriptor:
        write_all(descriptor, b"ne")
        raise error


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


def test_the_file_is_there_only_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "g.pb"
    with replace_file(str(path)) as descriptor:
        write_all(descriptor, b"new")
        (unfinished,) = tmp_path.iterdir()
        assert unfinished.name.startswith(".g.pb.")
        assert unfinished.name.endswith(TEMPORARY_SUFFIX)
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, MemoryError])
def test_what_stood_there_survives_a_failure(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "g.pb"
    path.write_bytes(b"old")
    with pytest.raises(error):
        fail(path, error)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_permissions_are_those_of_a_new_file(tmp_path: Path, umask: None) -> None:
    path = tmp_path / "g.pb"
    write(path, b"x")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    target, link = tmp_path / "far" / "real.pb", tmp_path / "link.pb"
    target.write_bytes(b"old")
    link.symlink_to("far/real.pb")
    write(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_a_link_to_nothing_makes_its_target(tmp_path: Path) -> None:
    link = tmp_path / "link.pb"
    link.symlink_to("real.pb")
    write(link, b"new")
    assert link.is_symlink()
    assert (tmp_path / "real.pb").read_bytes() == b"new"


def test_other_names_of_the_old_file_keep_the_old_content(tmp_path: Path) -> None:
    path, other = tmp_path / "g.pb", tmp_path / "kept.pb"
    path.write_bytes(b"old")
    other.hardlink_to(path)
    write(path, b"new")
    assert other.read_bytes() == b"old"


def test_the_longest_name_is_no_trouble(tmp_path: Path) -> None:
    path = tmp_path / ("g" * 255)
    write(path, b"x")
    assert path.read_bytes() == b"x"


def test_a_leftover_of_the_same_process_number_is_no_trouble(tmp_path: Path) -> None:
    leftover = tmp_path / f".g.pb.{os.getpid()}-0{TEMPORARY_SUFFIX}"
    leftover.write_bytes(b"half")
    write(tmp_path / "g.pb", b"x")
    assert leftover.read_bytes() == b"half"


def test_a_folder_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(FileWriteError, match=r"cannot write `.*`: it is a folder"):
        write(tmp_path, b"x")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileWriteError, match=r"there is no folder `.*/no/such`"):
        write(tmp_path / "no" / "such" / "g.pb", b"x")


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileWriteError, match=r"there is no folder `.*/file`"):
        write(tmp_path / "file" / "g.pb", b"x")


def test_links_in_a_circle_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(FileWriteError) as raised:
        write(tmp_path / "a", b"x")
    assert raised.value.errno == errno.ELOOP


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(FileWriteError, match="permission denied"):
        write(tmp_path / "locked" / "g.pb", b"x")


def test_an_error_of_another_file_stays_what_it_is(tmp_path: Path) -> None:
    """Weights that cannot be read are not a graph that cannot be written."""
    with pytest.raises(FileNotFoundError) as raised, replace_file(str(tmp_path / "g.pb")):
        (tmp_path / "weights.npz").read_bytes()
    assert not isinstance(raised.value, FileWriteError)
    assert list(tmp_path.iterdir()) == []


FULL = """
import resource, signal, sys
from slimdsl.files import FileWriteError, replace_file, write_all
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with replace_file(sys.argv[1]) as descriptor:
        for _ in range(100):
            write_all(descriptor, bytes(10_000))
except FileWriteError as error:
    sys.exit(str(error))
"""


def test_a_file_that_grows_too_large_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "g.pb"
    path.write_bytes(b"old")
    done = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == f"cannot write `{path}`: file too large"
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_one_sentence() -> None:
    with pytest.raises(FileWriteError, match="cannot write `/dev/full`: no space left on device"):
        write(Path("/dev/full"), b"x")


KILLED = """
import sys
from slimdsl.files import replace_file, write_all
with replace_file(sys.argv[1]) as descriptor:
    write_all(descriptor, b"half")
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_a_killed_process_leaves_at_most_an_unfinished_file(tmp_path: Path) -> None:
    path = tmp_path / "g.pb"
    path.write_bytes(b"old")
    command = [sys.executable, "-c", KILLED, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGKILL)
    assert path.read_bytes() == b"old"
    (unfinished,) = set(tmp_path.iterdir()) - {path}
    assert unfinished.name.endswith(TEMPORARY_SUFFIX)
    write(path, b"new")
    assert path.read_bytes() == b"new"


def test_a_pipe_gets_the_bytes_and_stays_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(path.read_bytes()))
    reader.start()
    write(path, b"x" * 300_000)
    reader.join(timeout=PATIENCE)
    assert received == [b"x" * 300_000]
    assert stat.S_ISFIFO(path.stat().st_mode)


STREAM = """
import sys
from slimdsl.files import replace_file, write_all
with replace_file(sys.argv[1]) as descriptor:
    write_all(descriptor, b"bytes")
"""


@pytest.mark.parametrize("path", ["-", "/dev/stdout"])
def test_standard_output_gets_the_bytes(path: str, tmp_path: Path) -> None:
    piped = subprocess.run([sys.executable, "-c", STREAM, path], capture_output=True, check=True, cwd=Path.cwd())
    assert piped.stdout == b"bytes"
    redirected = tmp_path / "out"
    with redirected.open("wb") as file:
        subprocess.run([sys.executable, "-c", STREAM, path], stdout=file, check=True)
    assert redirected.read_bytes() == b"bytes"
    assert list(tmp_path.iterdir()) == [redirected]
