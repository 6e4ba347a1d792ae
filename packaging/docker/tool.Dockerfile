# Not built where this is developed, which has no containers: linted.
#
# The operator's tool by itself. From the top of the repository:
#
#   docker build -f packaging/docker/tool.Dockerfile -t redis-rl-tool .
FROM rust:1-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked -p redis-rl-cli

FROM debian:bookworm-slim
COPY --from=build /src/target/release/redis-rl /usr/local/bin/
COPY packaging/copyright /usr/share/doc/redis-rl/copyright
USER 65534:65534
ENTRYPOINT ["redis-rl"]
CMD ["--help"]
