from presqt_daemon.messages import Progress
from presqt_daemon.upload.reporting import Meter


def test_sending_again_adds_nothing() -> None:
    meter = Meter(files_total=2, bytes_total=150)
    track = meter.track(100)
    figures = []
    for position in (40, 90, 10, 60, 100, 30, 5000):
        track.reach(position)
        figures.append(meter.progress().bytes_done)
    assert figures == [40, 90, 90, 90, 100, 100, 100]


def test_a_file_is_done_once_whether_it_was_read_or_not() -> None:
    meter = Meter(files_total=2, bytes_total=150)
    for size in (100, 50):
        track = meter.track(size)
        track.finish()
        track.finish()
    assert meter.progress("x") == Progress(
        bytes_done=150, bytes_total=150, files_done=2, files_total=2, message="x"
    )


def test_figures_never_pass_their_totals() -> None:
    meter = Meter(files_total=1, bytes_total=10)
    meter.add(files=3, size=50)
    assert meter.progress() == Progress(bytes_done=10, bytes_total=10, files_done=1, files_total=1)
