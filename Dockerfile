# eddy and our nodes: `docker build -t eddy .`, then
# `docker run --rm --user "$(id -u)" -v "$PWD:/work" eddy test --help`. Runs are kept in the directory's `store/`.
FROM rust:1.95-bookworm AS build
# The image's own compiler, whatever rust-toolchain.toml says.
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /src
COPY . .
RUN cargo build --release --locked --workspace --bins

FROM debian:bookworm-slim
# Nodes in Python run as they are; for others, make an image on top of this one.
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /src/target/release/eddy /src/target/release/identifier \
    /src/target/release/gossiper /src/target/release/consensus /usr/local/bin/
RUN useradd --create-home eddy
USER eddy
WORKDIR /work
ENTRYPOINT ["eddy"]
CMD ["--help"]
