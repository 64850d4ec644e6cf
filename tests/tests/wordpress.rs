//! A real service of several containers: WordPress and its database in a pod, as a user's services.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use pontoon_tests::service::Manager;
use pontoon_tests::shared::fresh;
use pontoon_tests::{TestHost, alone, host, image, wait};

const POD: &str = "[Pod]\nPodName=wp\nPublishPort=8080:80\n";
const DATABASE: &str = "[Container]\nContainerName=wp-db\nImage=localhost:5000/mariadb:latest\nPod=wp.pod\n\
    Volume=wpdb.volume:/var/lib/mysql\nEnvironment=MARIADB_ROOT_PASSWORD=secret\n";
const BLOG: &str = "[Unit]\nRequires=wp-db.service\nAfter=wp-db.service\n\
    [Container]\nContainerName=wp-blog\nImage=localhost:5000/wordpress:latest\nPod=wp.pod\n\
    Volume=wpcontent.volume:/var/lib/wordpress/wp-content\n\
    Environment=WORDPRESS_DB_HOST=127.0.0.1 WORDPRESS_DB_PASSWORD=secret\n";

/// The same from a compose file, as somebody has it who comes from there.
const COMPOSE: &str = "\
services:
  blog:
    image: localhost:5000/wordpress:latest
    restart: always
    ports:
      - 8095:80
    depends_on:
      db:
        condition: service_healthy
    environment:
      WORDPRESS_DB_HOST: db
      WORDPRESS_DB_PASSWORD: ${DB_PASSWORD:-example}
    volumes:
      - content:/var/lib/wordpress/wp-content
  db:
    image: localhost:5000/mariadb:latest
    restart: always
    environment:
      - MARIADB_ROOT_PASSWORD=${DB_PASSWORD:-example}
    healthcheck:
      test: [CMD, mariadb-admin, ping, --silent]
      interval: 1s
      timeout: 20s
      retries: 120
    volumes:
      - data:/var/lib/mysql
volumes:
  content:
  data:
";

/// Asks for a page until it is there.
fn page(host: &TestHost, port: u16, path: &str) -> String {
    let mut text = String::new();
    wait::until(&format!("the page {path}"), || {
        let answer = host.alice(&format!("curl -sSf --max-time 20 'http://localhost:{port}{path}'"));
        if answer.code == 0 {
            text = answer.stdout;
            return Ok(());
        }
        Err(format!("{answer:?}"))
    });
    text
}

/// Writes a post, as WordPress's own programs do it.
fn post(host: &TestHost, title: &str) {
    let script = format!(
        "$_SERVER['HTTP_HOST'] = 'localhost'; require '/usr/share/wordpress/wp-load.php'; \
         $id = wp_insert_post(['post_title' => '{title}', 'post_status' => 'publish']); echo $id > 0 ? 'written' : 'not written';"
    );
    host.entry("alice")
        .env("SCRIPT", &script)
        .sh("pontoon exec wp-blog php -r \"$SCRIPT\"")
        .ok()
        .prints("written");
}

/// The running pod becomes a deployment, which another host plays with the data of this one. Stops the pod.
fn moves_to_another_host(host: &TestHost, alice: &Manager<'_>) {
    let written =
        host.alice("pontoon generate kube --type deployment --service wp -f wp.yaml; cat wp.yaml").ok();
    for word in ["kind: Deployment", "kind: Service", "claimName: wpdb", "claimName: wpcontent"] {
        assert!(written.stdout.contains(word), "{word}: {written:?}");
    }
    // A database that runs has not written all of it.
    alice.stop("wp-pod");
    host.alice("pontoon volume export wpdb -o wpdb.tar && pontoon volume export wpcontent -o wpcontent.tar")
        .ok();

    let other = fresh();
    image::push(&other, image::WORDPRESS);
    for name in ["wp.yaml", "wpdb.tar", "wpcontent.tar"] {
        let path = format!("/home/alice/{name}");
        other.copy_in(&host.path(&path), &path);
    }
    other
        .alice("for it in wpdb wpcontent; do pontoon volume create $it && pontoon volume import $it $it.tar; done")
        .ok();
    // A Service is the cluster's; here a port is published.
    let pulls = other.entry("alice").limit(Duration::from_secs(300));
    let played = pulls.sh("pontoon kube play --publish 8080:80 wp.yaml").ok();
    assert!(played.stderr.contains("Service"), "{played:?}");
    let front = page(&other, 8080, "/");
    assert!(front.contains("<title>The Landing") && front.contains("A boat ties up"), "{front}");
    // The claims are the volumes that were there, and stay when the pod goes.
    other.alice("pontoon kube down wp.yaml && pontoon ps -aq").ok().says("Pods removed:");
    other.alice("pontoon volume ls -q --filter name=wp").ok().prints("wpdb\nwpcontent\n");
}

/// Fills in WordPress's form of the first visit.
fn install(host: &TestHost, port: u16, title: &str) {
    let form = "user_name=alice&admin_password=a-long-word&admin_password2=a-long-word&pw_weak=1&admin_email=alice@example.org&language=&Submit=Install";
    host.alice(&format!(
        "curl -sSf --data-urlencode 'weblog_title={title}' -d '{form}' 'http://localhost:{port}/wp-admin/install.php?step=2'"
    ))
    .ok()
    .says("Success!");
}

#[test]
fn a_pod_of_wordpress_and_its_database_is_installed_through_its_page_stays_and_moves() {
    let host = host();
    let _alone = alone();
    image::provide(&[image::WORDPRESS]);
    image::push(host, image::WORDPRESS);
    let alice = Manager::of(host, "alice");
    let files = [
        ("wp.pod", POD),
        ("wp-db.container", DATABASE),
        ("wp-blog.container", BLOG),
        ("wpdb.volume", "[Volume]\nVolumeName=wpdb\n"),
        ("wpcontent.volume", "[Volume]\nVolumeName=wpcontent\n"),
    ];
    for (name, text) in files {
        alice.add(name, text);
    }
    alice.start("wp-pod");

    assert!(page(host, 8080, "/wp-admin/install.php").contains("WordPress"));
    install(host, 8080, "The Landing");
    assert!(page(host, 8080, "/").contains("<title>The Landing"));
    // Who asked is in the log, by the address the host has.
    let log = host.alice("pontoon logs wp-blog 2>&1").ok();
    let own = host.alice("hostname -I").ok();
    assert!(
        own.stdout.split_whitespace().any(|address| log.stdout.contains(&format!("{address} - - ["))),
        "{log:?}\n{own:?}"
    );

    // Only the page is to be had from outside; the database is for those inside.
    host.alice("curl -sS --max-time 5 telnet://localhost:3306 </dev/null; ss -lntu | grep 3306").fails(1);
    host.alice(
        "pontoon exec wp-blog php -r 'echo @fsockopen(\"127.0.0.1\", 3306) ? \"reached\" : \"not reached\";'",
    )
    .ok()
    .prints("reached");
    host.alice("pontoon pod ps --format '{{.Name}} {{.Status}} {{.NumberOfContainers}}'")
        .ok()
        .prints("wp Running 3");

    // Everything anew, but the volumes.
    alice.systemctl("restart wp-pod").ok();
    assert!(page(host, 8080, "/").contains("<title>The Landing"));
    alice.stop("wp-pod");
    host.alice("pontoon ps -aq; pontoon pod ps -q").ok().prints("");
    alice.start("wp-pod");
    assert!(page(host, 8080, "/wp-login.php").contains("The Landing"));

    post(host, "A boat ties up");
    moves_to_another_host(host, &alice);
    for (name, _) in files.iter().rev() {
        alice.remove(name);
    }
    host.alice("pontoon volume rm wpdb wpcontent").ok();
}

#[test]
fn a_compose_file_of_wordpress_and_its_database_becomes_services_that_answer() {
    let host = host();
    let _alone = alone();
    image::provide(&[image::WORDPRESS]);
    image::push(host, image::WORDPRESS);
    let alice = Manager::of(host, "alice");
    let directory = alice.dir();
    host.alice(&format!(
        "mkdir -p quay && cat >quay/compose.yaml <<'END'\n{COMPOSE}END\necho DB_PASSWORD=a-word >quay/.env"
    ))
    .ok();
    let files =
        ["quay_default.network", "quay_content.volume", "quay_data.volume", "db.container", "blog.container"];
    let made = host.alice(&format!("pontoon generate quadlet -o {directory} quay/compose.yaml")).ok();
    for file in files {
        assert!(made.stdout.lines().any(|line| line.ends_with(&format!("/{file}"))), "{file}: {made:?}");
    }
    host.alice("pontoon quadlet check").ok();
    alice.reload();
    alice.start("blog");
    // The database was healthy first.
    host.alice("pontoon inspect -f '{{.State.Health.Status}}' db").ok().prints("healthy\n");
    assert!(page(host, 8095, "/wp-admin/install.php").contains("WordPress"));
    install(host, 8095, "The Quay");
    assert!(page(host, 8095, "/").contains("<title>The Quay"));

    // Everything anew, but the volumes.
    for unit in ["blog", "db"] {
        alice.stop(unit);
    }
    alice.start("blog");
    assert!(page(host, 8095, "/").contains("<title>The Quay"));
    for unit in ["blog", "db"] {
        alice.stop(unit);
    }
    for file in files.iter().rev() {
        alice.remove(file);
    }
    host.alice("pontoon volume rm quay_content quay_data; pontoon network rm quay_default").ok();
}
