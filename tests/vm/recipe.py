# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the test host (L1) and the small guest inside it (L2) are made of.

Everything here goes into the hash that names the cached image: a change rebuilds it.
"""

SUITES = ('bookworm', 'bookworm-updates', 'bookworm-security')

PACKAGES = (
    'linux-image-amd64', 'systemd', 'systemd-sysv', 'udev', 'dbus', 'polkitd', 'libpam-systemd', 'kmod',
    'openssh-server', 'usbutils', 'qemu-system-x86', 'passwd', 'procps', 'socat', 'dmsetup',
    'libglib2.0-0', 'libgudev-1.0-0', 'libjson-glib-1.0-0', 'libyaml-0-2',
    'libpolkit-gobject-1-0', 'libpolkit-agent-1-0',
)

# Unpacking the whole kernel package takes longer than the rest of the image together.
KEPT_MODULES = (
    'arch/*', 'virt/*', 'block/*', 'crypto/*', 'lib/*', 'net/9p/*', 'net/core/*', 'net/ipv6/*',
    'drivers/block/*', 'drivers/hid/*', 'drivers/input/*', 'drivers/md/*', 'drivers/scsi/*', 'drivers/usb/*',
    'drivers/virtio/*', 'drivers/char/*', 'drivers/net/usb/*', 'drivers/net/mii.ko', 'drivers/net/virtio_net.ko',
    'drivers/net/net_failover.ko', 'drivers/net/dummy.ko',
    'fs/ext4/*', 'fs/jbd2/*', 'fs/mbcache.ko', 'fs/fat/*', 'fs/nls/*', 'fs/9p/*', 'fs/fscache/*', 'fs/netfs/*',
    'fs/fuse/*', 'fs/overlayfs/*', 'fs/autofs/*', 'fs/configfs/*',
    'sound/core/*', 'sound/usb/*', 'sound/soundcore.ko',
)

DPKG_OPTIONS = (
    *(f'path-exclude=/usr/share/{name}/*' for name in ('doc', 'man', 'locale', 'info', 'iso-codes')),
    'path-exclude=/lib/modules/*/kernel/*',
    'path-exclude=/boot/System.map*',
    *(f'path-include=/lib/modules/*/kernel/{path}' for path in KEPT_MODULES),
)

HOST_MODULES = ('virtio_pci', 'virtio_blk', 'virtio_net', 'crc32c_generic', 'ext4', '9pnet_virtio', '9p')

GUEST_MODULES = (
    'xhci-pci', 'sd_mod', 'usb-storage', 'uas', 'usbhid', 'hid-generic', 'evdev', 'snd-usb-audio', 'ftdi_sio',
    'rndis_host', 'cdc_ether', 'vfat', 'nls_cp437', 'nls_ascii', 'nls_utf8', 'crc32c_generic', 'ext4',
)

MASKED_UNITS = (
    'apt-daily.timer', 'apt-daily-upgrade.timer', 'apt-daily.service', 'apt-daily-upgrade.service', 'dpkg-db-backup.timer',
    'e2scrub_all.timer', 'e2scrub_reap.service', 'fstrim.timer', 'man-db.timer', 'systemd-timesyncd.service',
    'systemd-tmpfiles-clean.timer', 'getty@tty1.service', 'serial-getty@ttyS0.service', 'getty-static.service',
    'systemd-pstore.service', 'systemd-firstboot.service', 'systemd-machine-id-commit.service',
    'systemd-update-utmp-runlevel.service', 'systemd-network-generator.service', 'networking.service',
    'ifupdown-pre.service', 'systemd-random-seed.service', 'systemd-journal-flush.service', 'ldconfig.service',
    'systemd-hwdb-update.service', 'systemd-journal-catalog-update.service', 'systemd-update-done.service',
    'keyboard-setup.service', 'console-setup.service', 'kmod-static-nodes.service', 'systemd-binfmt.service',
    'sys-kernel-debug.mount', 'sys-kernel-tracing.mount', 'dev-hugepages.mount', 'systemd-ask-password-wall.path',
)

GUEST_DIR = '/usr/lib/vm-guest'
READY_LINE = 'lab: ready'
EARLY_LINE = 'lab: initramfs'

HOST_INIT = f'''#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
echo "{EARLY_LINE}" >/dev/ttyS0
for m in $(cat /modules); do insmod /lib/$m; done
ifconfig lo 127.0.0.1 up
ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up
n=0; while [ ! -b /dev/vda ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n+1)); done
mount -t ext4 -o noatime /dev/vda /root || exec sh </dev/ttyS0 >/dev/ttyS0 2>&1
mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,ro stage /root/mnt/stage
mount --move /dev /root/dev; umount /sys; umount /proc
exec switch_root /root /lib/systemd/systemd
'''

# A command arrives as "MARK LINES" and that many lines; its output is followed by "MARK STATUS" on a line of its own.
# Nearly all is done with what is built into the shell: a program started in an emulator in an emulator takes 0.2 s.
GUEST_INIT = '''#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin HOME=/
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev; mount -t tmpfs tmp /tmp
for m in $(cat /modules); do
  case $m in usb-storage.ko) insmod /lib/$m delay_use=0;; *) insmod /lib/$m;; esac
done
ifconfig lo up
mkfifo /tmp/never
exec 9<>/tmp/never
nap() { read -r -t "${1:-0.2}" _ <&9 || :; }
stty -F /dev/ttyS1 raw -echo
exec </dev/ttyS1 >/dev/ttyS1
echo "lab-guest ready"
while :; do
  read -r mark lines || { nap; continue; }
  code=
  while [ "${lines:-0}" -gt 0 ] && IFS= read -r line; do
    code="$code$line
"
    lines=$((lines-1))
  done
  [ -n "$code" ] || continue
  ( eval "$code" ) 2>&1 </dev/null
  printf '\\n%s %s\\n' "$mark" "$?"
done
'''

SSHD_CONFIG = '''HostKey /etc/ssh/ssh_host_ed25519_key
UsePAM yes
UseDNS no
PermitRootLogin prohibit-password
MaxSessions 200
MaxStartups 100
AllowStreamLocalForwarding yes
PrintMotd no
PrintLastLog no
Subsystem sftp /usr/lib/openssh/sftp-server
'''

READY_UNIT = f'''[Unit]
Description=Tells the other side that logins work
After=ssh.service dbus.service systemd-user-sessions.service systemd-logind.service

[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo "{READY_LINE}" >/dev/ttyS0'

[Install]
WantedBy=multi-user.target
'''

FILES = {
    '/etc/hostname': 'lab\n',
    '/etc/hosts': '127.0.0.1 localhost lab\n',
    '/etc/fstab': '',
    '/etc/default/locale': '',
    '/etc/machine-id': '6c61622d686f7374000000000000001a\n',
    '/etc/ssh/sshd_config': SSHD_CONFIG,
    '/etc/systemd/system/lab-ready.service': READY_UNIT,
    '/etc/systemd/journald.conf.d/lab.conf': '[Journal]\nStorage=volatile\nRuntimeMaxUse=32M\nRateLimitBurst=0\n',
    '/etc/systemd/system.conf.d/lab.conf': '[Manager]\nDefaultTimeoutStartSec=120s\nDefaultTimeoutStopSec=20s\n',
    '/etc/modprobe.d/lab.conf': 'options usb-storage delay_use=0\nblacklist kvm_amd\nblacklist kvm_intel\n',
    '/etc/polkit-1/rules.d/00-lab.rules': 'polkit.addAdminRule(function() { return ["unix-user:root"]; });\n',
}

SETUP_SCRIPT = '''set -e
useradd -m -s /bin/bash alice
useradd -r -m -d /var/lib/vmuser -s /usr/sbin/nologin vmuser
printf 'alice:alice\\nroot:root\\n' | chpasswd
systemctl -q enable ssh.service lab-ready.service
systemctl -q set-default multi-user.target
rm -rf /usr/share/doc/* /usr/share/man/* /usr/share/locale/* /usr/share/info/*
'''

KERNEL_LINE = ('mitigations=off no_timer_check tsc=reliable random.trust_cpu=on audit=0 quiet panic=-1 '
               'console=ttyS0 net.ifnames=0')


def guest_machine(run_dir, linux, memory=None):
    """QEMU arguments of an L2. With a Linux they must be the same when its state is saved and when it is loaded."""
    memory = memory or (160 if linux else 32)
    args = ['qemu-system-x86_64', '-machine', 'pc-i440fx-7.2', '-accel', 'tcg,thread=single,tb-size=64', '-cpu', 'qemu64',
            '-m', str(memory), '-smp', '1', '-nodefaults', '-no-user-config', '-display', 'none',
            '-device', 'qemu-xhci,id=xhci,addr=0x4,p2=15,p3=15']
    if linux:
        args += ['-kernel', f'{GUEST_DIR}/vmlinux', '-initrd', f'{GUEST_DIR}/initrd', '-append', KERNEL_LINE,
                 '-serial', f'file:{run_dir}/kernel.log',
                 '-chardev', f'socket,id=console,path={run_dir}/console.sock,server=on,wait=off',
                 '-serial', 'chardev:console']
    return args
