"""srcdiff against Jacobians written by hand and against other libraries: ``python -m benchmarks``."""
