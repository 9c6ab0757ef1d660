# semql for NVIDIA GPUs, with ONNX Runtime's GPU build and the default model.
# Needs a driver of CUDA 13 (580 or later) and NVIDIA's container toolkit. Without
# a GPU it runs on the CPU.
#
#   docker build -f docker/cuda.Dockerfile -t semql:cuda .
#   docker run --rm -it --gpus all -v "$PWD:/data" semql:cuda --set ai.device=cuda
#
# User 1000 must be able to write to a folder that receives results.

# Bookworm, whose glibc is old enough for current systems.
FROM rust:1.94-slim-bookworm AS build
WORKDIR /src
ENV CARGO_INCREMENTAL=0
COPY . .
RUN cargo build --release --locked --bin semql

FROM python:3.13-slim-bookworm AS runtime
COPY scripts/setup.py /setup.py
RUN SEMQL_HOME=/opt/semql python3 /setup.py --providers cuda

FROM nvidia/cuda:13.0.1-cudnn-runtime-ubuntu24.04
# Replaces user 1000 of Ubuntu's image.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && (userdel --remove ubuntu || true) \
    && useradd --uid 1000 --create-home semql \
    && install --directory --owner=semql /data /opt/semql
COPY --from=build /src/target/release/semql /usr/local/bin/semql
COPY --from=runtime --chown=1000 /opt/semql /opt/semql
ENV SEMQL_HOME=/opt/semql
USER 1000
# Verifies the image on the CPU.
RUN semql --no-rc -c "SELECT categorize('Stapler', 'for up to 25 sheets')"
VOLUME /data
WORKDIR /data
ENTRYPOINT ["semql"]
