#!/bin/sh
# Builds and checks the artifacts of Linux in a manylinux or musllinux image, whose
# C library is old enough for current systems. Run it in the root of the repository,
# mounted into the container:
#
#   docker run --rm --volume "$PWD:/src" --workdir /src IMAGE sh scripts/release/container.sh
#
# The artifacts are in dist/.
set -eu

# These images have Python beside the system's.
PATH=/opt/python/cp312-cp312/bin:$HOME/.cargo/bin:$PATH
export PATH CARGO_INCREMENTAL=0

rust=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
curl --proto '=https' --tlsv1.2 --silent --show-error --fail https://sh.rustup.rs |
    sh -s -- -y --quiet --profile minimal --default-toolchain "$rust"
pip install --quiet "$(grep '^maturin==' python/requirements.txt)"

wheel_options=
if rustc --version --verbose | grep -q '^host: .*-musl$'; then
    # A static program could not load ONNX Runtime.
    export RUSTFLAGS='-C target-feature=-crt-static'
    # The package `datafusion` has no wheel for musl.
    wheel_options=--no-dependencies
fi

python scripts/release/build.py archive
python scripts/release/build.py wheel
python scripts/release/check_install.py dist/semql-*.tar.gz
python scripts/release/check_install.py $wheel_options dist/*.whl

# The files of the runner's user, not of root.
chown -R "$(stat -c '%u:%g' .)" dist
