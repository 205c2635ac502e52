#!/bin/bash
# The first process of a Linux of its own (user-mode-linux): its root is this machine's, read only.
# It makes a disk, exports it by the kernel's NFS server, and runs a suite of tests there.
# Given on the kernel's command line: TREE, PYTHON, SUITE; the last line says how they ended.
set -uo pipefail
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/run TMPDIR=/run PYTHONDONTWRITEBYTECODE=1
end() {
  echo "ended: $1"
  echo o > /proc/sysrq-trigger
  sleep 60
}
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs run /run
mount -t tmpfs state /var/lib/nfs
mkdir -p /dev/shm /run/ns /run/share /run/modules/lib/modules
mount -t tmpfs shm /dev/shm
mount --bind /run/ns /run/ns && mount --make-private /run/ns
ln -s "/usr/lib/uml/modules/$(uname -r)" /run/modules/lib/modules/
for module in nfsd nfsv4 veth ext4; do
  modprobe -d /run/modules "$module" || end "no module $module"
done
ip link set lo up
echo 1 > /proc/sys/net/ipv4/ip_forward
mount -t ext4 /dev/ubda /run/share || end "no disk"
mkdir -p /var/lib/nfs/{sm,v4recovery,rpc_pipefs,nfsdcltrack}
touch /var/lib/nfs/{etab,rmtab}
mount -t nfsd nfsd /proc/fs/nfsd
# how long a dead client's locks stay, and clients are waited for after the start
echo 10 > /proc/fs/nfsd/nfsv4leasetime
echo 10 > /proc/fs/nfsd/nfsv4gracetime
exportfs -o rw,fsid=0,no_root_squash,no_subtree_check,insecure '*:/run/share' || end "no export"
rpc.nfsd -N 3 -V 4 --no-udp 4 || end "no server"
rpc.mountd -N 2 -N 3
cd "$TREE" || end "no tree"
"$PYTHON" -m pytest -p no:cacheprovider -n0 --full -q -ra --color=no -o timeout=1200 \
  --basetemp=/run/share/tests "$SUITE"
end "$?"
