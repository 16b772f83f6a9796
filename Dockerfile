# syntax=docker/dockerfile:1
FROM python:3.11.14-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/order-import
COPY requirements/worker.txt /src/
RUN /opt/order-import/bin/pip install --require-hashes --only-binary :all: -r /src/worker.txt

FROM python:3.11.14-slim-bookworm
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin order-import \
  && install --directory --owner 10001 --mode 0700 /keys
COPY --from=build /opt/order-import /opt/order-import
# The program runs from its source, without order_import/devtools (.dockerignore): nothing is
# built, and everything that is downloaded has a hash.
COPY models/ /app/models/
COPY handlers/ /app/handlers/
COPY storage/ /app/storage/
COPY streams/ /app/streams/
COPY order_import/ /app/order_import/
ENV PATH=/opt/order-import/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001
WORKDIR /tmp
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=15s --start-period=60s \
  CMD ["python", "-m", "order_import", "status", "--json"]
ENTRYPOINT ["python", "-m", "order_import"]
CMD ["worker"]
