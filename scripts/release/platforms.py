"""Platforms of a release, and the names of its archives."""

import typing


class Platform(typing.NamedTuple):
    """A platform that a release has a wheel and an archive for."""

    # Target triple of Rust.
    target: str
    # Runner of GitHub Actions that builds for it.
    runner: str
    # Image that the runner builds in, for a C library that is old enough.
    image: str = ""

    @property
    def suffix(self) -> str:
        return ".zip" if "windows" in self.target else ".tar.gz"


PLATFORMS = (
    Platform("x86_64-unknown-linux-gnu", "ubuntu-24.04", "quay.io/pypa/manylinux_2_28_x86_64"),
    Platform("aarch64-unknown-linux-gnu", "ubuntu-24.04-arm", "quay.io/pypa/manylinux_2_28_aarch64"),
    Platform("x86_64-unknown-linux-musl", "ubuntu-24.04", "quay.io/pypa/musllinux_1_2_x86_64"),
    Platform("aarch64-unknown-linux-musl", "ubuntu-24.04-arm", "quay.io/pypa/musllinux_1_2_aarch64"),
    Platform("x86_64-apple-darwin", "macos-15-intel"),
    Platform("aarch64-apple-darwin", "macos-15"),
    Platform("x86_64-pc-windows-msvc", "windows-2025"),
)


class ReleaseError(Exception):
    """What is wrong with a release, and what to do."""


def platform(target: str) -> Platform:
    for known in PLATFORMS:
        if known.target == target:
            return known
    targets = ", ".join(known.target for known in PLATFORMS)
    raise ReleaseError(f"no release is made for the target {target}; known are {targets}")


def archive_stem(version: str, target: str) -> str:
    """Name of an archive without suffix, and of the folder in it."""
    return f"semql-{version}-{target}"


def archive_name(version: str, target: str) -> str:
    return archive_stem(version, target) + platform(target).suffix
