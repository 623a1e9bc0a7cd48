"""JSON as it may come in."""

from __future__ import annotations

import json
from typing import Any

from rest_framework import parsers
from rest_framework.exceptions import ParseError


class JSONParser(parsers.JSONParser):
    """Without half characters, which JSON can name (``"\\ud800"``) and nothing can store, nor say back."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """What is said. Raises ParseError."""
        said = super().parse(stream, media_type, parser_context)
        try:
            json.dumps(said, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            half = f"{ord(error.object[error.start]):04x}"
            raise ParseError(f"A text holds \\u{half} alone, half of a character; expected both.") from error
        return said
