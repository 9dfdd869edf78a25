# One image for web, workers and beat; the command tells them apart.
FROM python:3.11-slim-bookworm

RUN apt-get update -q \
    && apt-get install -y -q --no-install-recommends libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 expunge

WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE manage.py ./
COPY platform platform
COPY contract contract
COPY corpora corpora
COPY expunge_client expunge_client
COPY unlearning unlearning
COPY verification verification
COPY templates templates
COPY static static
RUN pip install --no-cache-dir --constraint constraints.txt --editable . \
    && mkdir -p /data && chown expunge:expunge /data

USER expunge
ENV DJANGO_SETTINGS_MODULE=expunge.config.settings.production EXPUNGE_VAR=/data PYTHONUNBUFFERED=1
VOLUME /data
EXPOSE 8000
CMD ["gunicorn", "--bind", "0.0.0.0:8000", "--workers", "3", "--threads", "8", "expunge.config.wsgi:application"]
