"""The programs that a stack is run with: Python packages, Pulumi and its plugins, and Go where something must be built."""
