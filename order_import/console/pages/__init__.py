"""The pages, one noun a file; each gives its routes."""
