"""A ticket's folder and its status: the names in it, who may write, how it stands.

Facts come in; `process_info.json` goes out, whole at every moment. Called by every room above;
nothing else writes a ticket's files.

Every sync of a deposit, in its order, and what it promises after a power loss:

1. `claim.json`, before the drop is moved in: a drop that left the inbox is known again.
2. The ticket's folder, before it gets its name, then the folder of all tickets, once for all claims
   of a turn: a number that a sender has seen never vanishes. The inbox folder, once for all their
   notes: no note is lost, no side-car comes back.
3. The zip, when it has been unpacked: what was dropped can be staged again.
4. `payload.jsonl`, the status, the folder of both: a stage that was told stays. A small bag's are
   told with what follows within a second, and need no sync of their own when that is the end.
5. `journal.jsonl`, before a container is created at a target that keeps no note of that itself;
   after that, before a file is in it, for by its mark only an empty one is found again; each second
   while files are sent, and where hosts share the folder with each line; before it is published:
   nothing is made twice. Its folder once, for its name.
6. In a folder target: the note of what is to be made; the archive, when it has been made, before
   the journal knows it: what the journal knows is there; each file, before it gets its name; the
   folders with new names: what is called verified is on that disk.
7. The receipt, what receivers are to be told (only where there are any), the last status, the
   folder of all, in this order: no ticket has ended without its record, and none is untold. After a
   retry the folder in between too: no new status stands beside an old record.

The record of a claim and a folder target's note rest on this, that a sync of a file keeps its name
and the folders made for it, as file systems with a journal do. Where one does not (FAT, some of
FUSE), a power loss before the next sync of a folder may leave an empty folder beside the deposit;
nothing is lost or sent twice.

Progress and waits are written without a sync: they may be lost.
"""
