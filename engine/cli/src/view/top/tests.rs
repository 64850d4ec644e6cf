use std::time::{Duration, UNIX_EPOCH};

use pontoon_lifecycle::top::{Names, ProcessInfo};

use super::{Surroundings, columns, text};

fn process() -> ProcessInfo {
    ProcessInfo {
        pid: 1,
        host_pid: 4711,
        parent: 0,
        group: 1,
        state: 'S',
        users: (0, 33),
        groups: (0, 33),
        host_user: 100_032,
        host_group: 100_032,
        more_groups: (vec![5, 33], vec![100_004, 100_032]),
        capabilities: [0, 0b11, 0b11, u64::MAX >> 23, 0],
        seccomp: 2,
        label: None,
        leads_session: true,
        in_foreground: false,
        threads: 3,
        cpu_ticks: 150,
        started_ticks: 1000,
        nice: 0,
        terminal: 34816,
        resident: 2048,
        virtual_size: 4096,
        name: "sh".to_owned(),
        arguments: vec!["sh".to_owned(), "-c".to_owned(), "a\nb".to_owned()],
    }
}

fn surroundings() -> Surroundings {
    Surroundings {
        uptime: 85.0,
        now: UNIX_EPOCH + Duration::from_secs(1_000_000_000),
        ticks_per_second: 100,
        memory: 204_800,
        names: Names {
            users: [(0, "root".to_owned()), (33, "www".to_owned())].into(),
            groups: [(33, "web".to_owned())].into(),
        },
    }
}

/// The table with single blanks, without its headings.
#[track_caller]
fn check(words: &[&str], headings: &str, expected: &str) {
    let words: Vec<String> = words.iter().map(|it| (*it).to_owned()).collect();
    let shown = text(&[process()], &columns(&words).unwrap(), &surroundings());
    let mut lines = shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    assert_eq!((lines.next().unwrap().as_str(), lines.next().unwrap().as_str()), (headings, expected));
}

#[test]
fn columns_are_chosen_by_name_or_code() {
    check(&["pid,hpid huser"], "PID HPID HUSER", "1 4711 100032");
    check(&["user", "time", "etime", "pcpu"], "USER TIME ELAPSED %CPU", "www 1.5s 1m15s 2.000");
    check(&["tty args"], "TTY COMMAND", "pts/0 sh -c a b");
    check(&["%p", "%C", "%U"], "PID %CPU USER", "1 2.000 www");
    check(&["group,groups,hgroups"], "GROUP GROUPS HGROUPS", "web 5,web 100004,100032");
    check(
        &["capeff,capbnd,capinh,seccomp,label"],
        "EFFECTIVE CAPS BOUNDING CAPS INHERITED CAPS SECCOMP LABEL",
        "CHOWN,DAC_OVERRIDE full none filter ?",
    );
}

#[test]
fn the_usual_words_of_ps_are_known() {
    check(&["-o", "pid,user,comm"], "PID USER COMMAND", "1 www sh");
    check(&["-eo", "pid=NUMBER,stat,etime,time"], "NUMBER STAT ELAPSED TIME", "1 Ssl 01:15 00:00:01");
    check(&["-opid"], "PID", "1");
    check(&["axo", "ppid,%cpu,%mem"], "PPID %CPU %MEM", "0 2.0 1.0");
    check(&["-e"], "PID TTY TIME COMMAND", "1 pts/0 00:00:01 sh");
    let shown = |words: &[String]| text(&[process()], &columns(words).unwrap(), &surroundings());
    let full = shown(&["-ef".to_owned()]);
    assert!(full.split_whitespace().eq(full.split(' ').flat_map(str::split_whitespace)), "{full}");
    let heading = |text: &str| text.lines().next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(heading(&full), "UID PID PPID C STIME TTY TIME CMD");
    assert_eq!(
        heading(&shown(&["aux".to_owned()])),
        "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND"
    );
}

#[test]
fn what_is_not_known_is_told() {
    let error = |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|it| (*it).to_owned()).collect();
        let error = columns(&words).unwrap_err();
        (error.to_string(), error.hint().unwrap())
    };
    let (text, hint) = error(&["pid", "nonsense"]);
    assert_eq!(text, "`nonsense` is no column");
    assert!(hint.contains("pid, ppid"), "{hint}");
    for words in [&["-l"][..], &["--forest"], &["-o"], &["-"]] {
        let (text, hint) = error(words);
        assert!(text.contains("is an option of ps(1)") && hint.contains("pontoon exec"), "{text}: {hint}");
    }
    assert_eq!(error(&["-o", "pid,wchan"]).0, "`wchan` is no column of ps(1) that is known here");
}
