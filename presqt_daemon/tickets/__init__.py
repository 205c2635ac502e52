"""A ticket's folder and its status: the names in it, who may write, how it stands.

Facts come in; `process_info.json` goes out, whole at every moment. Called by every room above;
nothing else writes a ticket's files.
"""
