"""Past tickets get the records that this version needs: one paced pass under leases.

In comes an order (`order.UpgradeOrder`: which `mediafiles`, with which manners) and a run that was
queued in `mediafiles/prepare_upgrade/process_info.json`. Out come a `receipt.json` in every past
ticket's folder, the state of the run in that file, and `failed.jsonl` beside it; nothing is
uploaded, and nothing of PresQT's is changed. `workers/upgrade_runner` calls it, in a worker process
beside the daemon or before its inbox opens (`daemon/gate`), and `cli/upgrade` without a daemon.

One run goes so: `order` queues it, where one is needed; `run` lists the tickets, takes one after
the other and rests after each where others are at work; `make_record` holds a ticket's lease and
writes its record, from `past_bag` and `past_files` where that is all that is left; `state` tells
how far it is. A run that was cut short goes on with the tickets that it wrote down: what has its
record is passed over and counted as before. The ticket at which a worker dies is tried once more,
and then told as failed; no other ticket's deaths count for it.
"""
