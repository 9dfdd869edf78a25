"""Settings, URLs, Celery and the embedded services: where the apps are put together."""
