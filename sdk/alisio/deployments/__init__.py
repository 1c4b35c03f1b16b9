"""Making flows ready to run elsewhere: the project file, the bundle of its code, and deploying both."""
