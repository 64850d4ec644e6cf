# Debian's Apache, in the foreground, logging to the standard streams.
. /images/lib.sh

empty
layer "$BASE"
change packages apache2
settle() {
    ln -sf /dev/stdout "$1/var/log/apache2/access.log"
    ln -sf /dev/stderr "$1/var/log/apache2/error.log"
    echo 'ServerName localhost' >"$1/etc/apache2/conf-enabled/name.conf"
    rm -f "$1/var/www/html/index.html"
}
change settle
config --config.entrypoint apachectl --config.cmd -D --config.cmd FOREGROUND --config.exposedports 80/tcp \
    --config.stopsignal SIGWINCH
