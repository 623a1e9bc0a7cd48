"""What meters say, as JSON."""

from __future__ import annotations

from rest_framework import serializers

from routing.models import Reading


class ReadingSerializer(serializers.ModelSerializer[Reading]):
    """What the meter of a connector (1.6) or EVSE (2.x) said at one moment; null for what it did not say.

    Power in W, the import register in Wh, currents in A, voltages in V, state of charge in percent.
    """

    class Meta:
        model = Reading
        fields = ["at", "evse_id", "connector_id", *Reading.FIGURES]
        read_only_fields = fields
