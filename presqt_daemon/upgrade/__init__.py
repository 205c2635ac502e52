"""`prepare-upgrade`: every past ticket gets the record that this version needs.

Past tickets come in; records and the state of the pass go out. Called by the daemon at a start and
on request (`workers/upgrade_runner`, in a worker process), and by the command where no daemon runs.

A run goes so: `order` queues it where one is needed, by making `prepare_upgrade/process_info.json`;
`run` lists the tickets, takes one after the other and rests between where others are at work;
`make_record` holds a ticket's lease and makes its record, from `past_bag` where no more is left;
`state` tells how far it is, and in `failed.jsonl` which tickets could get none. A run that was cut
short goes on with the tickets that it wrote down: what has its record is passed over and counted as
before. The ticket at which two workers die is told as failed; deaths at other tickets do not count
for it. Nothing is uploaded, and nothing of PresQT's is changed.
"""
