"""What operators ask for, the same for the command line and the console. Prints nothing."""
