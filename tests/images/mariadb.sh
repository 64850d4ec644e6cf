# Debian's MariaDB, with an entry point that fills an empty data directory and then becomes the server as user mysql.
. /images/lib.sh

empty
layer "$BASE"
change packages mariadb-server
settle() {
    rm -rf "$1/var/lib/mysql"
    install -d -o "$(chroot "$1" id -u mysql)" -g "$(chroot "$1" id -g mysql)" -m 755 "$1/var/lib/mysql" "$1/run/mysqld"
    # What a service manager logs is standard error.
    printf '[mariadbd]\nbind-address = 0.0.0.0\nskip-name-resolve\nskip-log-error\n' >"$1/etc/mysql/mariadb.conf.d/90-container.cnf"
    cat >"$1/usr/local/bin/entrypoint" <<'END'
#!/bin/bash
set -eu
if [ ! -d /var/lib/mysql/mysql ]; then
    chown mysql:mysql /var/lib/mysql
    mariadb-install-db --user=mysql --datadir=/var/lib/mysql --skip-test-db --auth-root-authentication-method=normal >/dev/null
    # One statement to a line: that is how the server reads this file.
    cat >/var/lib/mysql/first.sql <<SQL
DELETE FROM mysql.global_priv WHERE User = 'root' AND Host <> 'localhost';
FLUSH PRIVILEGES;
CREATE USER 'root'@'%' IDENTIFIED BY '${MARIADB_ROOT_PASSWORD:?set MARIADB_ROOT_PASSWORD}';
GRANT ALL ON *.* TO 'root'@'%' WITH GRANT OPTION;
SQL
    exec "$@" --init-file=/var/lib/mysql/first.sql
fi
exec "$@"
END
    chmod 755 "$1/usr/local/bin/entrypoint"
}
change settle
config --config.entrypoint entrypoint --config.cmd mariadbd --config.cmd --user=mysql --config.volume /var/lib/mysql \
    --config.exposedports 3306/tcp
