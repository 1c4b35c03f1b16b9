"""The cloud, as one AWS CDK app: stages are settings, constructs are parts, stacks only compose them."""
