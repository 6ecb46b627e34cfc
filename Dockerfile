# The service as a container: built with Swift's own image, run on plain Debian without a Swift runtime.
#
# The embedded default needs a Postgres server in the image. It is left out unless --build-arg EMBEDDED_POSTGRES=1 asks
# for it: Debian's server brings LLVM along and more than doubles the image, and a container has its database beside it
# (compose.yaml). With it, `serve` needs no DATABASE_URL and keeps its data in the volume.
ARG BUILD_IMAGE=swift:6.3-bookworm
ARG RUNTIME_IMAGE=debian:bookworm-slim

FROM ${BUILD_IMAGE} AS build
RUN apt-get -q update \
    && DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends \
        libcurl4-openssl-dev libpq-dev libxml2-dev libpcre2-dev libmimalloc-dev zlib1g-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN swift build -c release --static-swift-stdlib --product scrape-service \
    && install -D --strip "$(swift build -c release --static-swift-stdlib --show-bin-path)/scrape-service" \
        /out/scrape-service

FROM ${RUNTIME_IMAGE}
ARG EMBEDDED_POSTGRES=0
RUN apt-get -q update \
    && if [ "$EMBEDDED_POSTGRES" = 1 ]; then mkdir -p /etc/postgresql-common \
        && echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf; fi \
    && DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends \
        ca-certificates libcurl4 libpq5 libxml2 libpcre2-8-0 libmimalloc2.0 zlib1g $([ "$EMBEDDED_POSTGRES" != 1 ] || echo postgresql) \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
    && useradd --uid 10001 --user-group --home-dir /data --no-create-home --shell /usr/sbin/nologin scrape \
    && install -d -o scrape -g scrape -m 0700 /data
COPY --from=build /out/scrape-service /usr/local/bin/
USER 10001:10001
WORKDIR /data
VOLUME /data
# Beyond loopback the service asks for a key: mount a file with one key a line.
ENV SCRAPE_BIND=0.0.0.0:8080 SCRAPE_DATA_DIR=/data SCRAPE_API_KEY_FILE=/run/secrets/scrape-api-key
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s CMD \
    ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /healthz HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && read -r line <&3 && [[ $line == *' 200 '* ]]"]
ENTRYPOINT ["scrape-service"]
CMD ["serve"]
