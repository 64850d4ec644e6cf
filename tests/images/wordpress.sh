# Debian's WordPress below Apache and PHP, with an entry point that writes its configuration from the variables that images of
# WordPress have: WORDPRESS_DB_HOST, WORDPRESS_DB_USER, WORDPRESS_DB_PASSWORD, WORDPRESS_DB_NAME.
. /images/lib.sh

empty
layer "$BASE"
change packages wordpress wordpress-theme-twentytwentyfive apache2 libapache2-mod-php php-mysql
settle() {
    ln -sf /dev/stdout "$1/var/log/apache2/access.log"
    ln -sf /dev/stderr "$1/var/log/apache2/error.log"
    chroot "$1" a2dissite -q 000-default
    cat >"$1/etc/apache2/sites-enabled/wordpress.conf" <<'END'
ServerName localhost
<VirtualHost *:80>
    DocumentRoot /usr/share/wordpress
    Alias /wp-content /var/lib/wordpress/wp-content
    <Directory /usr/share/wordpress>
        Options FollowSymLinks
        DirectoryIndex index.php
        Require all granted
    </Directory>
    <Directory /var/lib/wordpress/wp-content>
        Options FollowSymLinks
        Require all granted
    </Directory>
    CustomLog /var/log/apache2/access.log combined
    ErrorLog /var/log/apache2/error.log
</VirtualHost>
END
    cat >"$1/usr/local/bin/entrypoint" <<'END'
#!/bin/bash
set -eu
chown -R www-data:www-data /var/lib/wordpress/wp-content
cat >/etc/wordpress/config-default.php <<PHP
<?php
define('DB_NAME', '${WORDPRESS_DB_NAME:-wordpress}');
define('DB_USER', '${WORDPRESS_DB_USER:-root}');
define('DB_PASSWORD', '${WORDPRESS_DB_PASSWORD:?set WORDPRESS_DB_PASSWORD}');
define('DB_HOST', '${WORDPRESS_DB_HOST:?set WORDPRESS_DB_HOST}');
define('WP_CONTENT_DIR', '/var/lib/wordpress/wp-content');
define('WP_HTTP_BLOCK_EXTERNAL', true);
define('DISABLE_WP_CRON', true);
PHP
# The database may come up after us.
php -r '
    mysqli_report(MYSQLI_REPORT_OFF);
    [$host, $user, $password, $name] = array_slice($argv, 1);
    [$host, $port] = explode(":", "$host:3306");
    while (!($server = @mysqli_connect($host, $user, $password, null, (int) $port))) usleep(300000);
    mysqli_query($server, "CREATE DATABASE IF NOT EXISTS `$name`");
' "$WORDPRESS_DB_HOST" "${WORDPRESS_DB_USER:-root}" "$WORDPRESS_DB_PASSWORD" "${WORDPRESS_DB_NAME:-wordpress}"
rm -f /run/apache2/apache2.pid
exec "$@"
END
    chmod 755 "$1/usr/local/bin/entrypoint"
}
change settle
config --config.entrypoint entrypoint --config.cmd apache2ctl --config.cmd -D --config.cmd FOREGROUND \
    --config.volume /var/lib/wordpress/wp-content --config.exposedports 80/tcp --config.stopsignal SIGWINCH
