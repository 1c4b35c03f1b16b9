"""What is deployed together, composed from `cdk.constructs`."""
