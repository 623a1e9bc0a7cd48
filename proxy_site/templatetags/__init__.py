"""What templates of proxy_site may use."""
