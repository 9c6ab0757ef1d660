"""Downloads of set-up are verified before they are opened, and stay in their folder."""

import importlib.util
import stat
import subprocess
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts/setup.py"
DIGITS = set("0123456789abcdef")


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("setup_script", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


setup = load()


def archive(folder: Path, *members: "tuple[str | zipfile.ZipInfo, str]") -> Path:
    path = folder / "package-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members:
            file.writestr(name, content)
    return path


def test_every_package_has_checksums() -> None:
    for package in (setup.ONNXRUNTIME, setup.ONNXRUNTIME_GPU, setup.MODEL_PACKAGE):
        assert package.wheels
        for _, digest in package.wheels.values():
            assert len(digest) == 64 and set(digest) <= DIGITS


@pytest.mark.parametrize(
    "name",
    ["../x", "a/../../x", "/etc/x", "\\x", "a\\..\\..\\x", "C:\\x", "C:x", "", "a\0b"],
)
def test_names_that_leave_their_folder_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(setup.SetupError):
        setup.check_name(name)
    with pytest.raises(setup.SetupError):
        setup.place(tmp_path / "target", {"sound": b"1", name: b"2"})
    assert not list(tmp_path.rglob("*"))


def test_archives_are_checked_member_by_member(tmp_path: Path) -> None:
    with setup.open_archive(archive(tmp_path, ("a/model/x.json", "1"))) as sound:
        assert sound.namelist() == ["a/model/x.json"]
    with pytest.raises(setup.SetupError, match="leaves its folder"):
        setup.open_archive(archive(tmp_path, ("a/model/../../x", "1")))
    link = zipfile.ZipInfo("a/model/x.json")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(setup.SetupError, match="link"):
        setup.open_archive(archive(tmp_path, (link, "/etc/passwd")))


def test_a_wheel_with_another_checksum_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = archive(tmp_path, ("a", "1"))

    def fetched(command: "list[str]", **_: object) -> "subprocess.CompletedProcess[str]":
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(setup.subprocess, "run", fetched)
    wrong = setup.Package("package==1", {setup.ANY_MACHINE: ("any", "0" * 64)})
    with pytest.raises(setup.SetupError, match="SHA-256"):
        setup.download(wrong, tmp_path, "by hand")
    right = setup.Package("package==1", {setup.ANY_MACHINE: ("any", setup.checksum(wheel))})
    with setup.download(right, tmp_path, "by hand") as opened:
        assert opened.namelist() == ["a"]


def test_a_machine_without_a_checksum_is_refused_unless_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = []

    def fetched(command: "list[str]", **_: object) -> "subprocess.CompletedProcess[str]":
        commands.append(command)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(setup.subprocess, "run", fetched)
    archive(tmp_path, ("a", "1"))
    unknown = setup.Package("package==1", {"plan9-mips": ("any", "0" * 64)})
    monkeypatch.delenv(setup.UNVERIFIED, raising=False)
    with pytest.raises(setup.SetupError, match=setup.UNVERIFIED):
        setup.download(unknown, tmp_path, "by hand")
    assert not commands
    monkeypatch.setenv(setup.UNVERIFIED, "1")
    setup.download(unknown, tmp_path, "by hand").close()
    assert len(commands) == 1
