# One image for every role; docker-compose.yml says which command each service runs.

FROM python:3.13-slim AS build
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build

# Dependencies first: this layer is built again only when a version changes. Wheels only, so that
# no package can run code of its own while it is installed.
COPY requirements.lock requirements-build.lock ./
RUN python -m venv /opt/recado \
    && /opt/recado/bin/pip install --require-hashes --only-binary :all: -r requirements.lock \
    && python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes --only-binary :all: -r requirements-build.lock

COPY pyproject.toml README.md LICENSE ./
COPY benchmarks/ benchmarks/
COPY config/ config/
COPY pipeline/ pipeline/
COPY workers/ workers/
# Without isolation pip builds with what was just installed by hash, and fetches nothing more.
RUN /opt/build/bin/pip wheel --no-build-isolation --no-deps --wheel-dir /dist . \
    && /opt/recado/bin/pip install --no-deps --no-index /dist/recado-*.whl \
    && /opt/recado/bin/pip check \
    && /opt/recado/bin/pip uninstall --yes pip

FROM python:3.13-slim
# A fixed number, so that volumes and security policies can name it.
RUN groupadd --gid 10001 recado \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /srv/recado \
        --shell /usr/sbin/nologin recado \
    && install --directory --owner recado --group recado /srv/recado
COPY --from=build /opt/recado /opt/recado
ENV PATH=/opt/recado/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /srv/recado
USER 10001:10001
# No entry point: a service's command reads as it is typed in a shell, be it recado or celery.
CMD ["recado", "--help"]
