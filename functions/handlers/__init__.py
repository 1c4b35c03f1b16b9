"""One module a Lambda function: an event in, one call of the server's code, its answer out."""
