"""Dutch and German beside English: what is to be translated, and the files with the translations."""
