# The emulator with the two-account world.
#
#   docker build -t ossemu .
#   docker run --rm -p 9480:9480 -v ossemu-data:/data ossemu
#
# BASE may be any image that has Python 3.11 or newer with its venv module.
ARG BASE=python:3.11-slim
FROM ${BASE}

# Passed to every pip call, for builds without a package index:
#   --build-arg PIP_ARGS="--no-index --find-links=/wheels"
ARG PIP_ARGS=""

ENV PATH=/opt/ossemu/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

COPY pyproject.toml README.md LICENSE /tmp/ossemu/
COPY emulator /tmp/ossemu/emulator
COPY fixtures /tmp/ossemu/fixtures

# Compiled here, because the user that runs it may not write beside the code.
RUN python3 -m venv /opt/ossemu \
    && /opt/ossemu/bin/pip install --no-cache-dir --disable-pip-version-check ${PIP_ARGS} /tmp/ossemu \
    && /opt/ossemu/bin/python -m compileall -q /opt/ossemu/lib \
    && cp -r /tmp/ossemu/fixtures /opt/ossemu/fixtures \
    && rm -rf /tmp/ossemu \
    && echo 'ossemu:x:10480:10480:OSS Replication Emulator:/data:/usr/sbin/nologin' >>/etc/passwd \
    && echo 'ossemu:x:10480:' >>/etc/group \
    && mkdir /data \
    && chown 10480:10480 /data

USER 10480:10480
WORKDIR /data
VOLUME /data
EXPOSE 9480

HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 \
    CMD ["/opt/ossemu/bin/python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:9480/_emulator/health/ready', timeout=2)"]

# A variable, not a flag, so that `-e OSSEMU_WORLD=…` can choose another; so can every other setting.
ENV OSSEMU_WORLD=/opt/ossemu/fixtures/cross-account.yaml
CMD ["ossemu", "serve", "--host", "0.0.0.0", "--port", "9480", "--data", "/data"]
