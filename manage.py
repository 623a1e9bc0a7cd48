#!/usr/bin/env python
"""Django's command line for the proxy."""

import os
import sys

from django.core.management import execute_from_command_line

from proxy_site.command_line import by_whom

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proxy_site.settings")
    with by_whom(sys.argv):
        execute_from_command_line(sys.argv)
