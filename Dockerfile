# Two stages: the first fetches and builds, the second has only what runs.

FROM python:3.12-slim AS build
WORKDIR /srv/amiable
ENV UV_PYTHON_DOWNLOADS=never
COPY requirements/ requirements/
COPY tools/ tools/
RUN pip install --no-cache-dir --quiet --require-hashes -r requirements/uv.txt
RUN uv venv .venv && uv pip install --python .venv/bin/python --require-hashes -r requirements/run.txt \
    && uv pip install --python .venv/bin/python --no-deps "setuptools>=77"
COPY package.json package-lock.json .npmrc ./
COPY amiable/web/ui/icons.txt amiable/web/ui/icons.txt
RUN .venv/bin/python tools/frontend.py
COPY pyproject.toml README.md LICENSE manage.py ./
COPY amiable/ amiable/
RUN .venv/bin/python tools/messages.py compile \
    && uv pip install --python .venv/bin/python --no-deps --no-build-isolation -e . \
    && rm -rf .venv/node node_modules

FROM python:3.12-slim
RUN useradd --uid 10001 --create-home --home-dir /var/lib/amiable amiable
WORKDIR /srv/amiable
COPY --from=build /srv/amiable /srv/amiable
ENV PATH=/srv/amiable/.venv/bin:$PATH AMIABLE_HOME=/var/lib/amiable AMIABLE_PRODUCTION=1 PYTHONUNBUFFERED=1
USER amiable
VOLUME /var/lib/amiable
EXPOSE 8000
CMD ["amiable", "serve"]
