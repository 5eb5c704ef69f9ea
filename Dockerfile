# The operator's image; `make image` makes the same without Docker. For several architectures:
#   docker buildx build --platform linux/amd64,linux/arm64 --tag REGISTRY/voicecampaign-operator:0.1.0 --push .
# The one base image: the other stage is `scratch`. `docker buildx imagetools inspect rust:1.95-bookworm` prints the digest that it has now; to
# build with that and no other:
#   docker build --build-arg RUST_IMAGE=rust:1.95-bookworm@sha256:DIGEST …
ARG RUST_IMAGE=rust:1.95-bookworm

FROM ${RUST_IMAGE} AS build
# Writes the list of dependencies into the program: `cargo audit bin voicecampaign-operator` reads it.
RUN cargo install --locked --version 0.7.7 cargo-auditable
WORKDIR /build
COPY . .
# Static; with the target named, so that what runs while it is built is not.
RUN target="$(rustc -vV | sed -n 's/^host: //p')" \
    && RUSTFLAGS='-C target-feature=+crt-static' \
       cargo auditable build --release --locked --bin voicecampaign-operator --target "$target" \
    && mkdir -p /image/etc/ssl/certs \
    && cp "target/$target/release/voicecampaign-operator" /image/ \
    && sh licenses.sh /image/licenses "$target" \
    && cp /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ \
    && echo 'operator:x:65532:65532::/:/' > /image/etc/passwd

FROM scratch
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="voicecampaign-operator" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /image/ /
WORKDIR /
ENV PATH=/
USER 65532:65532
ENTRYPOINT ["/voicecampaign-operator"]
