"""Second factors and logins by a company's own directory, of django-allauth.

Imported only where ``settings.PROXY_SSO_READY``: the package is an extra that most installations do without.
"""
