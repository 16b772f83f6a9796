"""The operators' use cases, shared by the command line and the console. They print nothing."""
