"""Smart charging with several backoffices: whose limit counts, and nobody touches another's profile.

``profiles`` reads what a payload says, ``purposes`` decides who may have what where (one function per
mode), ``limits`` holds the tenant's own limit, ``store`` keeps what the charger has taken. ``setting``,
``clearing``, ``reading`` and ``dynamic`` are the CALLs; ``upkeep`` is what happens without one.

Source: ocpp-semantics 3.4 and 6.
"""
