"""What commands do with tickets and drops before anything is shown.

The beginning of a number or a file's name comes in, and a ticket goes out; a status is followed
until it ends; a drop is placed whole; targets are asked at their pace. Called by the commands.
"""
