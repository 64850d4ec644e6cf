# Debian's static busybox and a handful of files that tests look at: the smallest image that still has users and a shell.
. /images/lib.sh

tree=/tmp/tree
mkdir -p $tree/bin $tree/etc $tree/tmp $tree/data/sub $tree/home/dave $tree/root $tree/var/www
chmod 1777 $tree/tmp
chmod 700 $tree/root
cp /usr/bin/busybox $tree/bin/busybox
for applet in $(/usr/bin/busybox --list); do
    [ -e "$tree/bin/$applet" ] || ln -s busybox "$tree/bin/$applet"
done
cat >$tree/etc/passwd <<'END'
root:x:0:0:root:/root:/bin/sh
www:x:33:33:www:/var/www:/bin/sh
dave:x:1500:1500:Dave:/home/dave:/bin/sh
END
cat >$tree/etc/group <<'END'
root:x:0:
wheel:x:10:dave,www
www:x:33:
dave:x:1500:
extra:x:2000:dave
END
chown 1500:1500 $tree/home/dave
echo hello >$tree/data/file
echo deep >$tree/data/sub/file
chown -R 33:33 $tree/data/sub
chmod 750 $tree/data/sub
printf 'not executable\n' >$tree/bin/plainfile
printf '#!/nonexistent/interpreter\n' >$tree/bin/badinterpreter
chmod 755 $tree/bin/badinterpreter
echo gone >$tree/etc/removed-later
mkdir $tree/etc/hidden
echo old >$tree/etc/hidden/old

tar -C $tree -cf /tmp/one.tar --sort=name .
empty
layer /tmp/one.tar

# A second layer that removes a file and a directory and adds to another, as real images do.
second() {
    rm "$1/etc/removed-later"
    rm -r "$1/etc/hidden"
    echo second >"$1/data/second"
}
change second
config --config.cmd /bin/sh --config.env PATH=/bin --config.env IMAGE=busybox --config.label org.example.origin=debian
