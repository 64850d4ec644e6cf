# Debian's nginx, with the configuration that images of nginx have: in the foreground, logging to the standard streams.
. /images/lib.sh

empty
layer "$BASE"
change packages nginx-light
settle() {
    ln -sf /dev/stdout "$1/var/log/nginx/access.log"
    ln -sf /dev/stderr "$1/var/log/nginx/error.log"
    echo 'Hello from nginx in a container' >"$1/var/www/html/index.html"
}
change settle
config --config.entrypoint nginx --config.cmd -g --config.cmd 'daemon off;' --config.exposedports 80/tcp \
    --config.stopsignal SIGQUIT
