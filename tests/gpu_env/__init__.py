"""The environment of `envs/gpu.lock`, installed and looked at on a machine without GPU: `make check-gpu-env`."""
