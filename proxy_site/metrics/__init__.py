"""``/metrics``, for Prometheus.

``process`` says how this process is, ``installation`` what the database tells of all of them, and
``page`` who may see which.
"""
