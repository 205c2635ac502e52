"""How long `report` takes over many records, each form once: `python tests/bench/report.py`.

Prints seconds and the peak of memory; no gate.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.cli.report.records import add_record, failed_tree, record_tree

FORMS = ("json", "csv", "html")


def main() -> None:
    """Make the records, then run the program as a person would."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickets", type=int, default=10_000)
    count: int = parser.parse_args().tickets
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "config.yaml").write_text("inbox: inbox\n", encoding="utf-8")
        uploads = root / "mediafiles" / "uploads"
        for number in range(count):
            is_failed = number % 20 == 0
            tree = (
                failed_tree(number, "invalid-bag", 400, "It is not valid.")
                if is_failed
                else (record_tree(number, target=f"target-{number % 5}"))
            )
            add_record(uploads, tree)
        print(f"{count} records of 3 files")
        for form in FORMS:
            began = time.monotonic()
            ended = subprocess.run(
                [sys.executable, "-m", "presqt_daemon", "--config", str(root / "config.yaml"),
                 "report", "--format", form],
                check=True, capture_output=True,
            )  # fmt: skip
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
            seconds = time.monotonic() - began
            print(f"{form:<5} {seconds:5.1f} s  {len(ended.stdout) / 1e6:5.1f} MB  peak {peak} MB")


if __name__ == "__main__":
    main()
