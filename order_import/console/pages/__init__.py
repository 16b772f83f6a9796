"""The pages, one file for each noun, with its `ROUTES`."""
