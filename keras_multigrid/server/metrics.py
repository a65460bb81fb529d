"""What the server has done, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

PREFIX = ":tensorflow:serving:"  # as TensorFlow Serving's own, for the same dashboards
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """Counts requests, errors, their time, and the images of batches."""

    def __init__(self):
        self._registry = CollectorRegistry()
        self._requests = Counter(
            f"{PREFIX}request_count",
            "Requests by model and status of HTTP",
            ("model_name", "status"),
            registry=self._registry,
        )
        self._errors = Counter(
            f"{PREFIX}request_errors",
            "Requests that were refused, or failed",
            ("model_name",),
            registry=self._registry,
        )
        self._seconds = Histogram(
            f"{PREFIX}request_latency_seconds",
            "Seconds of a request that was answered",
            ("model_name",),
            registry=self._registry,
        )
        self._batches = Histogram(
            f"{PREFIX}batch_size", "Images of a batch", buckets=BATCHES, registry=self._registry
        )

    def request(self, model, status, seconds):
        """Notes a request to a model that is served."""
        self._requests.labels(model, str(status)).inc()
        if status >= 400:
            self._errors.labels(model).inc()
        else:
            self._seconds.labels(model).observe(seconds)

    def batch(self, images):
        """Notes the number of images of a batch."""
        self._batches.observe(images)

    def page(self):
        """Returns the page, as bytes."""
        return generate_latest(self._registry)
