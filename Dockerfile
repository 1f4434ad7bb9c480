# The program alone, for a cluster or a job: docs/install.md, "Container". The release gives the base by its digest.
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
WORKDIR /source
COPY requirements-plan.txt requirements.txt ./
RUN python -m venv /build \
    && /build/bin/python -m pip install --quiet --no-cache-dir --require-hashes --no-deps --only-binary :all: -r requirements-plan.txt \
    && python -m venv --without-pip /opt/reconciler \
    && /build/bin/python -m pip --python /opt/reconciler/bin/python install --quiet --no-cache-dir --require-hashes --no-deps --only-binary :all: -r requirements.txt
COPY . .
RUN /build/bin/python -m pip wheel --quiet --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /build/bin/python -m pip --python /opt/reconciler/bin/python install --quiet --no-cache-dir --no-deps --no-index --find-links /wheels scim-schema-reconciler

FROM ${PYTHON_IMAGE}
# git for commits, --against and --tenants-from; the version is that of the base's distribution.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/reconciler /opt/reconciler
ENV PATH=/opt/reconciler/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1
# /repository has the manifests, and .reconciler below it the state, where that is no server: a volume. Nothing else is written.
WORKDIR /repository
USER 10001:10001
ENTRYPOINT ["reconciler"]
CMD ["--help"]
