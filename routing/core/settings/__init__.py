"""The charger's configuration as several backoffices see and set it (ocpp-semantics 3.9).

``keys`` knows the classes, ``wishes`` what each route wants, ``changes`` what becomes of one write,
``configuration`` (1.6) and ``variables`` (2.x) take the CALLs, ``views`` shows each route its own.
"""

from routing.core.settings.learning import known

__all__ = ["known"]
