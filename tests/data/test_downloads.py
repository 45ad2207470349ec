import hashlib
import io
import os
import tarfile
import zipfile

import pytest

from coursekit.data.archives import extract
from coursekit.data.downloads import Remote, download, download_many
from coursekit.runtime import CourseError

BODY = os.urandom(300_000)
SHA = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def served(server):
    server.files["/f.bin"] = BODY
    return server


def fetch(served, tmp_path, **known):
    return download(f"{served.url}/f.bin", tmp_path / "deep" / "f.bin", **known)


def assert_only(folder, *names):
    assert sorted(p.name for p in folder.iterdir()) == sorted(names)


def test_download_brings_the_file_and_a_second_call_asks_nobody(served, tmp_path):
    path = fetch(served, tmp_path, sha256=SHA, size=len(BODY))
    assert path.read_bytes() == BODY
    assert fetch(served, tmp_path, sha256=SHA.upper(), md5=hashlib.md5(BODY).hexdigest()) == path
    assert len(served.requests) == 1
    assert_only(path.parent, "f.bin")


def test_a_cut_connection_is_resumed_where_it_was_cut(served, tmp_path):
    served.moods["/f.bin"] = [("cut", 100_000), ("cut", 50_000)]
    assert fetch(served, tmp_path, sha256=SHA).read_bytes() == BODY
    assert [r for _, r in served.requests] == [None, "bytes=100000-", "bytes=150000-"]


def test_progress_renews_patience_but_no_progress_ends_it(served, tmp_path):
    served.moods["/f.bin"] = [("cut", 1000)] * 20
    assert fetch(served, tmp_path, retries=0).read_bytes() == BODY
    served.moods["/f.bin"] = [("cut", 1000)] + [("cut", 0)] * 20
    with pytest.raises(CourseError, match="1000 bytes have arrived and are kept"):
        download(f"{served.url}/f.bin", tmp_path / "g.bin", retries=2)
    assert served.paths().count("/f.bin") == 21 + 1 + 3


def test_what_arrived_before_a_failure_is_used_by_the_next_call(served, tmp_path):
    served.moods["/f.bin"] = [("cut", 200_000), ("status", 503)]
    with pytest.raises(CourseError, match="503"):
        fetch(served, tmp_path, retries=0)
    assert_only(tmp_path / "deep", "f.bin.part")
    served.requests.clear()
    assert fetch(served, tmp_path).read_bytes() == BODY
    assert served.requests == [("/f.bin", "bytes=200000-")]


def test_a_server_that_ignores_range_starts_again(served, tmp_path):
    served.moods["/f.bin"] = [("cut", 100_000), ("whole",)]
    assert fetch(served, tmp_path, sha256=SHA).read_bytes() == BODY


def test_a_server_that_always_cuts_at_the_same_place_is_given_up(served, tmp_path):
    served.moods["/f.bin"] = [("whole", 100_000)] * 99
    with pytest.raises(CourseError, match="100000 bytes"):
        fetch(served, tmp_path, retries=3)
    assert len(served.requests) == 5  # the first, which brought something, the second, and three more
    assert not (tmp_path / "deep" / "f.bin").exists()


def test_a_file_that_changed_between_two_attempts_is_not_mixed(served, tmp_path):
    served.moods["/f.bin"] = [("cut", 100_000), ("other",)]
    assert fetch(served, tmp_path).read_bytes() == BODY[::-1]


def test_a_part_longer_than_the_file_is_thrown_away(served, tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "f.bin.part").write_bytes(BODY + b"more")
    assert fetch(served, tmp_path).read_bytes() == BODY


def test_404_is_final_and_names_address_and_place(served, tmp_path):
    with pytest.raises(CourseError) as error:
        download(f"{served.url}/none.bin", tmp_path / "none.bin")
    assert f"{served.url}/none.bin" in str(error.value) and "404" in str(error.value)
    assert str(tmp_path / "none.bin") in str(error.value)
    assert len(served.requests) == 1
    assert_only(tmp_path)


def test_a_truncated_file_and_a_wrong_checksum_are_said_and_leave_nothing(served, tmp_path):
    served.files["/f.bin"] = BODY[:1000]
    with pytest.raises(CourseError, match="1000 bytes instead of 300000"):
        fetch(served, tmp_path, size=len(BODY))
    served.files["/f.bin"] = BODY[:-1] + b"?"
    served.first.clear()
    with pytest.raises(CourseError, match=f"sha256 is .* instead of {SHA}"):
        fetch(served, tmp_path, sha256=SHA)
    assert_only(tmp_path / "deep")


def test_a_wrong_file_in_place_is_never_overwritten(served, tmp_path):
    (tmp_path / "f.bin").write_bytes(b"mine")
    with pytest.raises(CourseError, match="Delete it and start again"):
        download(f"{served.url}/f.bin", tmp_path / "f.bin", sha256=SHA)
    assert (tmp_path / "f.bin").read_bytes() == b"mine" and not served.requests


def test_offline_says_how_to_go_on(served, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSEKIT_OFFLINE", "1")
    with pytest.raises(CourseError, match="COURSEKIT_OFFLINE.*put the file at"):
        fetch(served, tmp_path)
    assert not served.requests


def test_nobody_listens(tmp_path, server):
    server.http.shutdown()
    server.http.server_close()
    with pytest.raises(CourseError, match="cannot be reached"):
        download(f"{server.url}/f.bin", tmp_path / "f.bin", retries=1)
    assert_only(tmp_path)


def test_many_files_one_failure_does_not_stop_the_others(server, tmp_path):
    for i in range(30):
        server.files[f"/{i}"] = b"%d" % i
    files = [Remote(f"{server.url}/{i}", tmp_path / str(i)) for i in range(31)]
    with pytest.raises(CourseError, match=r"1 of 31 files.*\n.*/30 .*404"):
        download_many(files)
    assert all((tmp_path / str(i)).read_bytes() == b"%d" % i for i in range(30))
    server.requests.clear()
    assert download_many(files[:30]) == 0 and not server.requests


def test_a_server_that_has_nothing_is_not_asked_for_everything(server, tmp_path):
    files = [Remote(f"{server.url}/{i}", tmp_path / str(i)) for i in range(500)]
    with pytest.raises(CourseError, match="20 of 500 files(.|\n)*The others were not tried"):
        download_many(files, workers=4)
    assert len(server.requests) < 100


def zipped(path, entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in entries:
            file.writestr(name, data)
    return path


def tarred(path, *members):
    with tarfile.open(path, "w:gz") as file:
        for info, data in members:
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return path


def member(name, kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def test_extract_brings_the_files_that_are_named_and_no_others(tmp_path):
    zipped(tmp_path / "a.zip", [("x/one.txt", "1"), ("x/two.txt", "2"), ("y/", "")])
    tarred(tmp_path / "b.tgz", (member("x", tarfile.DIRTYPE), b""), (member("./x/one.txt"), b"1"))
    for archive, to in (("a.zip", "a"), ("b.tgz", "b")):
        extract(tmp_path / archive, tmp_path / to, ["x/one.txt"])
        assert sorted(p.name for p in (tmp_path / to).rglob("*")) == ["one.txt", "x"]
        assert (tmp_path / to / "x" / "one.txt").read_text() == "1"
    with pytest.raises(CourseError, match="place free"):
        extract(tmp_path / "a.zip", tmp_path / "a", ["x/two.txt"])
    with pytest.raises(CourseError, match="does not hold z.txt"):
        extract(tmp_path / "a.zip", tmp_path / "d", ["z.txt"])


LINK = zipfile.ZipInfo("link")
LINK.external_attr = 0o120777 << 16


def lying(path):
    """A zip of 20 MB of zeros whose headers say: 10 bytes."""
    data = zipped(path, [("zeros", bytes(20_000_000))]).read_bytes()
    path.write_bytes(data.replace((20_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    return path


GOOD = ("good", b"x")


@pytest.mark.parametrize(
    "make",
    [
        lambda p: zipped(p, [("../evil", "x"), ("/evil", "x"), ("..\\evil", "x"), ("C:\\evil", "x"), GOOD]),
        lambda p: zipped(p, [(LINK, "/etc"), GOOD]),
        lambda p: tarred(p, (member("a/../../evil"), b"x"), (member("/evil"), b"x"), (member("good"), b"x")),
        lambda p: tarred(
            p, (member("a", tarfile.SYMTYPE, "/tmp"), b""), (member("a/evil"), b"x"), (member("good"), b"x")
        ),
        lambda p: tarred(
            p, (member("a", tarfile.FIFOTYPE), b""), (member("zeros"), bytes(20_000_000)), (member("good"), b"x")
        ),
    ],
)
def test_nothing_else_in_an_archive_is_ever_written(tmp_path, make):
    extract(make(tmp_path / "archive"), tmp_path / "out" / "here", ["good"], most_bytes=10_000_000)
    assert [p.name for p in tmp_path.rglob("*") if p.name != "archive"] == ["out", "here", "good"]


@pytest.mark.parametrize(
    "make, words",
    [
        (lying, "damaged"),
        (
            lambda p: p.write_bytes(zipped(p, [("é", "x")]).read_bytes().replace(b"\xc3\xa9", b"\xff\xff")) and p,
            "damaged",
        ),
        (lambda p: tarred(p, (member("zeros", tarfile.SYMTYPE, "/etc/passwd"), b"")), "does not hold zeros"),
        (lambda p: tarred(p, (member("zeros", tarfile.LNKTYPE, "b"), b"")), "does not hold zeros"),
        (lambda p: tarred(p, (member("zeros", tarfile.CHRTYPE), b"")), "does not hold zeros"),
        (lambda p: tarred(p, (member("zeros"), bytes(20_000_000))), "refused: it unpacks to more"),
        (lambda p: zipped(p, [("zeros", bytes(20_000_000))]), "refused: it unpacks to more"),
        (lambda p: p.write_bytes(b"no archive") and p, "damaged"),
        (lambda p: p.write_bytes(zipped(p, [("zeros", os.urandom(9999))]).read_bytes()[:5000]) and p, "damaged"),
        (lambda p: p.write_bytes(tarred(p, (member("zeros"), os.urandom(9999))).read_bytes()[:5000]) and p, "damaged"),
    ],
)
def test_extract_refuses_what_it_cannot_trust_and_leaves_nothing(tmp_path, make, words):
    archive = make(tmp_path / "archive")
    with pytest.raises(CourseError, match=words):
        extract(archive, tmp_path / "out" / "here", ["zeros"], most_bytes=10_000_000)
    assert not (tmp_path / "out" / "here").exists() and not list((tmp_path / "out").iterdir())
    assert_only(tmp_path, "archive", "out")
