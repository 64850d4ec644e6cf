# Debian's vsftpd, in the foreground, for one user with a password whose home directory is a volume.
. /images/lib.sh

empty
layer "$BASE"
change packages vsftpd
settle() {
    chroot "$1" useradd -m -d /srv/ftp/guest guest
    echo 'guest:secret' | chroot "$1" chpasswd
    # The container is the isolation; what it would do beyond that needs capabilities that it does not have.
    cat >"$1/etc/vsftpd.conf" <<'END'
listen=YES
background=NO
anonymous_enable=NO
local_enable=YES
write_enable=YES
isolate=NO
isolate_network=NO
seccomp_sandbox=NO
secure_chroot_dir=/run/vsftpd/empty
pam_service_name=vsftpd
pasv_min_port=21100
pasv_max_port=21101
xferlog_enable=NO
END
    mkdir -p "$1/run/vsftpd/empty"
}
change settle
config --config.entrypoint vsftpd --config.cmd /etc/vsftpd.conf --config.volume /srv/ftp/guest --config.exposedports 21/tcp
