"""The program, on the host that TEST_HOST names (`python -m tests.standby.on_host run ...`)."""

import runpy
import sys

import tests.cluster.preload_host  # noqa: F401  (before anything asks for the host)

if __name__ == "__main__":
    sys.argv[0] = "presqt-daemon"
    runpy.run_module("presqt_daemon", run_name="__main__")
