"""The table of names that programs leave beside what they copy: none of them is a drop.

Shell patterns, compared without case, each with the program that makes it. `intake.ignore` adds
patterns to the table and takes none away. All hidden names are in it: rsync's `.x.zip.AbCdEf`,
`.~tmp~/` and `.rsync-partial/`, macOS's `._x` and `.DS_Store`, `.git/`, `.nfs0000`, `.fuse_hidden`.
"""

import fnmatch
import functools
import re

HIDDEN = (".*", "any")

FILES: tuple[tuple[str, str], ...] = (
    HIDDEN,
    ("*.partial", "rclone: x.zip.12345678.partial (rclone.org/docs/#partial-suffix); Edge"),
    ("*.part", "Firefox, KDE, ownCloud's clients; what our README advises"),
    ("*.filepart", "WinSCP (winscp.net/eng/docs/ui_pref_resume)"),
    ("*.crdownload", "Chrome and its relatives"),
    ("*.opdownload", "Opera"),
    ("*.download", "Safari, as a file (as a folder below)"),
    ("*.crswap", "Chrome and Edge: a file that a page is writing (File System Access)"),
    ("*.fdmdownload", "Free Download Manager"),
    ("*.dtapart", "DownThemAll"),
    ("*.xltd", "Xunlei: x.zip.xltd, x.zip.bt.xltd"),
    ("*.jc!", "FlashGet"),
    (f"*.zip.{'[0-9a-f]' * 8}", "AWS's command line and boto3 (s3transfer, random_file_extension)"),
    ("*.gstmp", "Google Cloud's gsutil: x.zip_.gstmp"),
    ("*.aspera-ckpt", "IBM Aspera: what it goes on from"),
    ("*.aria2", "aria2, the control file beside the download (aria2.github.io/manual)"),
    ("*.zip.st", "axel, the state file beside the download"),
    ("*.lftp-pget-status", "lftp pget"),
    ("*.!qb", "qBittorrent, option for incomplete files"),
    ("*.!ut", "uTorrent, option for incomplete files"),
    ("*.bc!", "BitComet"),
    ("*.!sync", "Resilio Sync"),
    ("*.icloud", "iCloud Drive: a file that is not on this machine yet"),
    ("*.goutputstream-*", "GLib, while it saves"),
    ("*.ffs_tmp", "FreeFileSync"),
    ("*.ffs_lock", "FreeFileSync"),
    ("~syncthing~*", "Syncthing (docs.syncthing.net, temporary names)"),
    ("*.tmp", "rsync of other systems, Windows programs, Nextcloud"),
    ("*.temp", "Windows programs"),
    ("*.lock", "lock files of many programs"),
    ("*.lck", "lock files of many programs"),
    ("*~", "Emacs, vim, gedit: backups"),
    ("#*#", "Emacs: autosave"),
    ("*.sw[a-p]", "vim: swap files (:help swap-file)"),
    ("~$*", "Microsoft Office: the lock of an open document"),
    (
        "*[:\uf022\uf03a]zone.identifier",
        "Windows: where a download came from; a colon is U+F03A in WSL, U+F022 on a Mac's share",
    ),
    ("*:smartscreen", "Windows: what was thought of a download"),
    ("*:afp_*", "macOS: the parts of a file, as Samba shows them without vfs_fruit"),
    ("*:com.*", "macOS, Dropbox: attributes, as some file servers show them"),
    ("*.lnk", "Windows: a shortcut"),
    ("*.url", "Windows: a shortcut to an address"),
    ("*.webloc", "macOS: a shortcut to an address"),
    ("thumbs.db", "Windows Explorer"),
    ("ehthumbs*.db", "Windows Media Center"),
    ("desktop.ini", "Windows Explorer"),
    ("icon\r", "macOS: a folder's icon"),
    ("*.zip.md5", "md5sum beside a zip"),
    ("*.zip.sha[0-9]", "sha1sum beside a zip"),
    ("*.zip.sha[0-9][0-9][0-9]", "sha256sum and its kin beside a zip"),
    ("*.zip.md5sum", "md5sum beside a zip, by a longer name"),
    ("*.zip.sha[0-9]*sum", "sha256sum and its kin beside a zip, by longer names"),
    ("*.zip.asc", "GnuPG: a signature beside a zip"),
    ("*.zip.sig", "GnuPG: a signature beside a zip"),
)

FOLDERS: tuple[tuple[str, str], ...] = (
    HIDDEN,
    ("lost+found", "ext4"),
    ("recycler", "Windows XP"),
    ("recycled", "Windows 98"),
    ("$recycle.bin", "Windows"),
    ("system volume information", "Windows"),
    ("#recycle", "Synology"),
    ("@recycle", "QNAP"),
    ("@tmp", "Synology"),
    ("@eadir", "Synology: thumbnails and attributes"),
    ("@sharebin", "Synology"),
    ("#snapshot*", "Synology"),
    ("@gmt-*", "Samba: a snapshot (vfs_shadow_copy2)"),
    ("@__thumb", "QNAP: thumbnails"),
    (":2e*", "netatalk 2: a hidden folder of a Mac"),
    ("found.[0-9][0-9][0-9]", "Windows: what chkdsk has found"),
    ("*.cyberducksegment", "Cyberduck: parts of a download"),
    ("~snapshot", "NetApp"),
    ("@recently-snapshot", "QNAP"),
    ("network trash folder", "AFP servers"),
    ("temporary items", "AFP servers"),
    ("thevolumesettingsfolder", "AFP servers"),
    ("*.download", "Safari: x.zip.download/ holds the part that has come"),
    ("*.sb-*", "macOS: a safe save under way"),
    ("__macosx", "macOS's archiver"),
    ("~syncthing~*", "Syncthing"),
)

GROWING_SUFFIXES = (
    ".part", ".crdownload", ".opdownload", ".download", ".aria2", ".filepart", ".partial",
    ".st", ".!qB", ".!ut", ".tmp",
)  # fmt: skip
"""What a program adds to a placeholder's name for the file beside it that grows meanwhile."""

CONTROL_SUFFIXES = (".aria2", ".st", ".lftp-pget-status")
"""What aria2, axel and lftp add for the file beside one that they fill in pieces, in any order."""


def is_leftover_file(name: str, more: tuple[str, ...] = ()) -> bool:
    """Whether the table, or one of the patterns added to it, names the file."""
    return _pattern(FILES, more).fullmatch(name.lower()) is not None


def is_leftover_folder(name: str) -> bool:
    """Whether a folder is a file server's or a program's own."""
    return _pattern(FOLDERS).fullmatch(name.lower()) is not None


@functools.lru_cache(maxsize=8)
def _pattern(table: tuple[tuple[str, str], ...], more: tuple[str, ...] = ()) -> re.Pattern[str]:
    patterns = (*(pattern for pattern, _ in table), *more)
    return re.compile("|".join(fnmatch.translate(pattern.lower()) for pattern in patterns))
