//! The database that a pod holds, and what it promised to keep.

use pontoon_tests::{Uml, wait};

/// `mariadb` in the database's container.
const CLIENT: &str = "pontoon exec systemd-db mariadb -uroot";

/// Orders come in, one after the other, until the machine is off; of the last that the database has acknowledged there is a note.
pub fn keep_inserting(uml: &Uml) {
    uml.alice(&format!(
        "cat >~/orders.sh <<'END'
boot=$({CLIENT} -N -e 'select max(boot) from shop.orders')
i=1
while {CLIENT} -e \"insert into shop.orders values ($boot, $i)\"; do
    echo $boot $i >~/noted.new && sync ~/noted.new && mv ~/noted.new ~/noted
    i=$((i + 1))
done
END
rm -f ~/noted; systemd-run --user --quiet --unit orders bash $HOME/orders.sh"
    ))
    .ok();
    wait::until_true("an order", || uml.alice("test -e ~/noted").code == 0);
}

/// What it acknowledged in the boot before is there; it takes one order more.
pub fn has_what_it_acknowledged(uml: &Uml, boot: u32) {
    let before = boot - 1;
    let words = format!(
        "create database if not exists shop; create table if not exists shop.orders (boot int, number int); \
         select number from shop.orders where boot = {before} order by number; \
         insert into shop.orders values ({boot}, 0)"
    );
    let orders = uml.alice(&format!("{CLIENT} -N -e '{words}'")).ok();
    let numbers: Vec<u32> = orders.stdout.lines().map(|it| it.parse().expect("a number")).collect();
    if before == 0 {
        return;
    }
    // There is no note of that boot if the machine was shut down, nor if its power went before the note was on the disk.
    let noted = uml.alice("cat ~/noted; rm -f ~/noted").stdout;
    let last = match noted.trim().split_once(' ') {
        Some((of, last)) if of == before.to_string() => last.parse().expect("a number"),
        _ => 0,
    };
    let expected: Vec<u32> = (0..=last).collect();
    assert!(numbers.starts_with(&expected), "orders 0 to {last} of boot {before}: {orders:?}");
}
