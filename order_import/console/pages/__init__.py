"""The pages, one file for each noun; `routes` has their addresses."""
