"""People and programs are told what happened, without being asked: mail, chat, a command, a ping.

Ended tickets and the state of targets and disk come in; messages go out to the receivers of the
configuration, and nothing comes back: a message that fails changes no ticket. Called by `workers`,
which leaves an entry with each receipt, by `daemon`, and by `check`.
"""
