# semql for the CPU, with ONNX Runtime and the default model. Runs offline.
#
#   docker build -f docker/cpu.Dockerfile -t semql .
#   docker run --rm -it -v "$PWD:/data" semql
#   docker run --rm -v "$PWD:/data" semql -c "SELECT count(*) FROM 'products.parquet'"
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
RUN SEMQL_HOME=/opt/semql python3 /setup.py

FROM debian:bookworm-slim
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --create-home semql \
    && install --directory --owner=semql /data /opt/semql
COPY --from=build /src/target/release/semql /usr/local/bin/semql
COPY --from=runtime --chown=1000 /opt/semql /opt/semql
ENV SEMQL_HOME=/opt/semql
USER 1000
# Verifies the image, and caches the model's graphs in it.
RUN semql --no-rc -c "SELECT categorize('Stapler', 'for up to 25 sheets')"
VOLUME /data
WORKDIR /data
ENTRYPOINT ["semql"]
