"""What carries out runs of tickets: threads of this process, or an engine of many hosts.

Jobs as plain data come in; how each ended goes out. Called by the dispatch, which knows nothing of
where a run happens.
"""
