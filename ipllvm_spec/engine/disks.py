"""Whether a path lies on a file system on which SQLite's locks cannot be trusted."""

from __future__ import annotations

import re
from pathlib import Path

from ipllvm_spec.errors import StoreError

_NETWORK = frozenset(
    (
        "nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "lustre", "beegfs", "gpfs",
        "panfs", "pvfs2", "orangefs", "fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs",
        "fuse.gcsfuse", "fuse.rclone", "fuse.juicefs", "fuse.mount-s3", "fuse.goofys",
    )
)  # fmt: skip
_MOUNTS = Path("/proc/mounts")


def file_system(path: Path, mounts: str) -> str:
    """Returns the type of the file system that holds a path, "" when unknown.

    Args:
        path: Absolute path; it need not exist.
        mounts: Content of ``/proc/mounts``; later lines hide earlier ones.
    """
    found, depth = "", -1
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) < 3:
            continue
        # The kernel writes blanks in a mount point as octal escapes.
        point = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[1]))
        if path.is_relative_to(point) and len(point.parts) >= depth:
            found, depth = fields[2], len(point.parts)
    return found


def refuse_network(path: Path, *, mounts: str | None = None) -> None:
    """Raises when a path lies on a network file system.

    Args:
        path: Where the store shall lie.
        mounts: Content of ``/proc/mounts``; read from the system when None. Systems without
            that file are not checked.

    Raises:
        StoreError: For NFS, CIFS and their like.
    """
    if mounts is None:
        if not _MOUNTS.exists():
            return
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="replace")
    kind = file_system(path.resolve(), mounts)
    if kind in _NETWORK:
        raise StoreError(
            f"the store '{path}' would lie on a network file system ({kind}), where SQLite loses "
            "or damages answers",
            "put the run directory on a local disk (--run-dir) and share answers between machines "
            "with 'ipllvm store export' and 'ipllvm store import'",
        )
