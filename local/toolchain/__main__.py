"""`python3 -m local.toolchain`: the Python packages only, which tests and lint need."""

from local.toolchain import install_python_packages

install_python_packages()
