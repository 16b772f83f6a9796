"""The same job, written as others would write it: each a program of its own."""
