//! What templates mean. The expectations were taken from Go's documentation of `text/template` and from Podman's output.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Serialize;

use super::*;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Fixture {
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<u8>,
    id: &'static str,
    name: &'static str,
    names: Vec<&'static str>,
    empty: Vec<&'static str>,
    labels: BTreeMap<&'static str, &'static str>,
    no_labels: NullIfEmpty<BTreeMap<String, String>>,
    no_list: NullIfEmpty<Vec<String>>,
    ports: BTreeMap<&'static str, Vec<Port>>,
    pid: i64,
    ratio: f64,
    up: bool,
    down: bool,
    created: WireTime,
    health: Option<u8>,
    state: State,
    #[serde(rename = "dns_enabled")]
    dns: bool,
    unset: OmitEmpty<&'static str>,
    #[serde(rename = "unmadeList")]
    unmade: OmitEmpty<NullIfEmpty<Vec<u8>>>,
    aside: Hidden<u8>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    status: &'static str,
    exit_code: i32,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Port {
    host_ip: &'static str,
    host_port: &'static str,
}

fn fixture() -> Fixture {
    Fixture {
        id: "4d32b396b9e6",
        name: "web",
        names: vec!["web", "www"],
        empty: vec![],
        labels: BTreeMap::from([("b", "2"), ("a", "1")]),
        left_out: None,
        no_labels: NullIfEmpty(BTreeMap::new()),
        no_list: NullIfEmpty(Vec::new()),
        ports: BTreeMap::from([
            ("80/tcp", vec![Port { host_ip: "0.0.0.0", host_port: "8099" }]),
            ("81/udp", vec![Port { host_ip: "127.0.0.1", host_port: "8100" }]),
        ]),
        pid: 3781,
        ratio: 2.5,
        up: true,
        down: false,
        created: WireTime("2026-11-21T02:33:40.833988111Z".to_owned()),
        health: None,
        state: State { status: "running", exit_code: 0 },
        dns: true,
        unset: OmitEmpty(""),
        unmade: OmitEmpty::default(),
        aside: Hidden(7),
    }
}

#[track_caller]
fn check(template: &str, expected: &str) {
    let filled = Template::parse(template).and_then(|it| it.render(&to_value(&fixture())));
    assert_eq!(filled.map_err(|err| err.to_string()).as_deref(), Ok(expected), "{template}");
}

#[track_caller]
fn check_error(template: &str, expected: &str) {
    let err = Template::parse(template).and_then(|it| it.render(&to_value(&fixture()))).unwrap_err();
    assert_eq!(err.to_string(), format!("invalid format: {expected}"), "{template}");
}

#[test]
fn fields_are_looked_up() {
    check("{{.Name}}", "web");
    check("{{ .State.Status }}", "running");
    check("{{.State.ExitCode}} {{.Pid}}", "0 3781");
    check("{{$.Name}}", "web");
    check("{{.ID}} {{.Id}}", "4d32b396b9e6 4d32b396b9e6");
    check("{{(.State).Status}}", "running");
    check("plain }} text", "plain }} text");
}

#[test]
fn values_print_as_go_prints_them() {
    check("{{.Ports}}", "map[80/tcp:[{0.0.0.0 8099}] 81/udp:[{127.0.0.1 8100}]]");
    check("{{.Labels}}", "map[a:1 b:2]");
    check("{{.Names}}", "[web www]");
    check("{{.NoLabels}} {{.NoList}} {{.Empty}}", "map[] [] []");
    check("{{.Up}} {{.Ratio}} {{.State}}", "true 2.5 {running 0}");
    check("{{.Created}}", "2026-11-21 02:33:40.833988111 +0000 UTC");
    check("{{.Health}}", "<nil>");
    check("{{print nil}}", "<nil>");
}

#[test]
fn a_time_has_methods() {
    check("{{.Created.Unix}} {{.Created.Year}} {{.Created.UTC.Month}}", "1795228420 2026 November");
    check("{{.Created.Format \"2006-01-02 15:04\"}}", "2026-11-21 02:33");
    check("{{with .Created}}{{.Format \"Jan 2\"}}{{end}}", "Nov 21");
    check("{{(.Created.Format \"2006\") | printf \"<%s>\"}}", "<2026>");
}

#[test]
fn a_field_that_json_leaves_out_is_there_and_nothing() {
    check("{{.LeftOut}} {{if .LeftOut}}yes{{else}}no{{end}} {{eq .LeftOut nil}}", "<nil> no true");
    check_error(
        "{{.LeftOut.X}}",
        "there is no field `X`: nothing has no fields\n{{.LeftOut.X}}\n           ^",
    );
    let text = super::json::pretty(&super::to_value(&fixture()), 2);
    assert!(!text.contains("LeftOut"), "{text}");
}

#[test]
fn a_field_that_json_leaves_out_has_the_empty_value_of_its_kind() {
    check("[{{.Unset}}] {{.UnmadeList}} {{len .UnmadeList}} {{eq .Unset \"\"}}", "[] [] 0 true");
    check("{{json .Unset}} {{json .UnmadeList}} {{json .NoLabels}} {{json .NoList}}", "\"\" null null null");
    check("{{range .NoList}}{{else}}none{{end}} {{join .NoList \",\"}}{{.NoLabels.x}}", "none <no value>");
    check("{{.Aside}}", "7");
    let text = super::json::pretty(&super::to_value(&fixture()), 2);
    assert!(!["nset", "nmade", "side"].iter().any(|it| text.contains(it)), "{text}");
}

#[test]
fn a_field_has_json_s_name_and_go_s() {
    check("{{.DNSEnabled}} {{.dns_enabled}}", "true true");
    check("{{.Healthcheck}} {{.Health}}", "<nil> <nil>");
    check_error("{{.DnsEnabled}}", "there is no field `DnsEnabled` here\n{{.DnsEnabled}}\n   ^");
    check("{{.Labels.A}}", "<no value>");
}

#[test]
fn a_missing_key_of_a_map_is_nothing_and_a_missing_field_an_error() {
    check("{{.Labels.a}}-{{.Labels.zzz}}", "1-<no value>");
    check("[{{index .Labels \"zzz\"}}]", "[]");
    check("{{index .Ports \"99/tcp\"}}", "[]");
    check_error("{{.NoSuchThing}}", "there is no field `NoSuchThing` here\n{{.NoSuchThing}}\n   ^");
    check_error(
        "x {{.Name.First}}",
        "there is no field `First`: text has no fields\nx {{.Name.First}}\n          ^",
    );
    check_error(
        "{{.Labels.zzz.yyy}}",
        "there is no field `yyy`: nothing has no fields\n{{.Labels.zzz.yyy}}\n              ^",
    );
}

#[test]
fn conditions_choose() {
    check("{{if .Up}}up{{else}}down{{end}}", "up");
    check("{{if .Down}}up{{else}}down{{end}}", "down");
    check("{{if .Empty}}a{{else if .Names}}b{{else}}c{{end}}", "b");
    check("{{if not .Health}}no health{{end}}", "no health");
    check("{{if and .Up .Names}}both{{end}}", "both");
    check("{{if eq .State.Status \"exited\" \"running\"}}one of them{{end}}", "one of them");
    check("{{with .State}}{{.Status}}{{else}}none{{end}}", "running");
    check("{{with .Empty}}{{.}}{{else}}none of {{.Name}}{{end}}", "none of web");
    check("{{with $x := .Name}}{{$x}}{{end}}", "web");
    check("{{with .Empty}}a{{else with .Name}}{{.}}{{end}}", "web");
}

#[test]
fn lists_and_maps_are_gone_through() {
    check("{{range .Names}}<{{.}}>{{end}}", "<web><www>");
    check("{{range $i, $name := .Names}}{{$i}}={{$name}} {{end}}", "0=web 1=www ");
    check("{{range $key, $value := .Labels}}{{$key}}:{{$value}},{{end}}", "a:1,b:2,");
    check("{{range .Empty}}x{{else}}empty{{end}}", "empty");
    check("{{range .Health}}x{{else}}empty{{end}}", "empty");
    check("{{range .Names}}{{if eq . \"www\"}}{{break}}{{end}}{{.}}{{end}}", "web");
    check("{{range .Names}}{{if eq . \"web\"}}{{continue}}{{end}}{{.}}{{end}}", "www");
    check(
        "{{range $p, $conf := .Ports}}{{$p}} -> {{(index $conf 0).HostPort}} {{end}}",
        "80/tcp -> 8099 81/udp -> 8100 ",
    );
    check("{{range .Names}}{{$.Name}}{{end}}", "webweb");
    check_error(
        "{{range .Pid}}{{end}}",
        "`range` cannot go through a number\n{{range .Pid}}{{end}}\n        ^",
    );
}

#[test]
fn variables_are_set_and_seen_in_their_block() {
    check("{{$x := .Name}}{{$x}}", "web");
    check("{{$x := 1}}{{if .Up}}{{$x = 2}}{{end}}{{$x}}", "2");
    check("{{$x := 1}}{{if .Up}}{{$x := 2}}{{end}}{{$x}}", "1");
    check("{{$last := \"\"}}{{range .Names}}{{$last = .}}{{end}}{{$last}}", "www");
    check_error("{{$y}}", "the variable `$y` was never set\n{{$y}}\n  ^");
    check_error(
        "{{if .Up}}{{$y := 1}}{{end}}{{$y}}",
        "the variable `$y` was never set\n{{if .Up}}{{$y := 1}}{{end}}{{$y}}\n                              ^",
    );
}

#[test]
fn pipes_pass_the_value_as_last_argument() {
    check("{{.Name | upper}}", "WEB");
    check("{{.Name | printf \"%s-%s\" \"a\"}}", "a-web");
    check("{{.Names | len | print}}", "2");
    check("{{json .Names | len}}", "13");
    check_error("{{.Name | .Id}}", "only a function can stand after `|`\n{{.Name | .Id}}\n          ^");
}

#[test]
fn functions_do_what_podmans_do() {
    check("{{json .State}}", r#"{"Status":"running","ExitCode":0}"#);
    check(
        "{{json .NoLabels}} {{json .Created}} {{json .Health}}",
        r#"null "2026-11-21T02:33:40.833988111Z" null"#,
    );
    check("{{join .Names \",\"}}", "web,www");
    check("{{lower \"ABC\"}} {{upper \"abc\"}} {{title \"some words\"}}", "abc ABC Some Words");
    check("{{range split \"a,b\" \",\"}}<{{.}}>{{end}}", "<a><b>");
    check("{{len .Names}} {{len .Labels}} {{len .Name}}", "2 2 3");
    check("{{index .Names 1}} {{index .Labels \"a\"}}", "www 1");
    check("{{slice .Id 0 4}} {{slice .Names 1}}", "4d32 [www]");
    check("{{truncate .Id 3}}{{pad \"x\" 1 2}}|{{pad \"\" 5 5}}|", "4d3 x  ||");
    check("{{print 1 2 \"a\" \"b\" 3}}", "1 2ab3");
    check("{{println .Name 1}}", "web 1\n");
    check(
        "{{html \"<a b='c'>\"}} {{urlquery \"a b&c\"}} {{js \"it's\"}}",
        "&lt;a b=&#39;c&#39;&gt; a+b%26c it\\'s",
    );
    check(
        "{{eq 1 1}} {{ne 1 2}} {{lt 1 2}} {{le 2 2}} {{gt 1 2}} {{ge 2 3}}",
        "true true true true false false",
    );
    check("{{and 1 0 2}} {{or 0 \"\" \"x\"}} {{not 0}}", "0 x true");
    check_error("{{eq .Name 1}}", "text and a number cannot be compared\n{{eq .Name 1}}\n  ^");
    check_error("{{index .Names 7}}", "there is no item 7: the list has 2\n{{index .Names 7}}\n  ^");
    check_error("{{join .Name \",\"}}", "`join` takes a list, not text\n{{join .Name \",\"}}\n  ^");
    check_error("{{len}}", "`len` does not take 0 values\n{{len}}\n  ^");
    check_error(
        "{{or .Health.X 1}}",
        "there is no field `X`: nothing has no fields\n{{or .Health.X 1}}\n             ^",
    );
    check("{{or .Up .Health.X}}", "true");
}

#[test]
fn printf_has_gos_verbs() {
    check("{{printf \"%s %v %d %t %q\" .Name .Names .Pid .Up .Name}}", "web [web www] 3781 true \"web\"");
    check(
        "{{printf \"%5d|%-5d|%05d|%+d|%x|%X|%o|%b\" 42 42 42 42 255 255 8 5}}",
        "   42|42   |00042|+42|ff|FF|10|101",
    );
    check("{{printf \"%.2f %6.1f %e %g\" 3.14159 2.25 1500.0 0.5}}", "3.14    2.2 1.500000e+03 0.5");
    check("{{printf \"%-12s|%.2s|%c\" .Name .Name 65}}", "web         |we|A");
    check("{{printf \"%*d %%\" 4 7}}", "   7 %");
    check("{{printf \"%d %s\" .Name}}", "%!d(string=web) %!s(MISSING)");
    check("{{printf \"x\" 1 .Up}}", "x%!(EXTRA int=1, bool=true)");
    check("{{printf \"%\"}}", "%!(NOVERB)");
    check_error(
        "{{printf \"%99999999d\" 1}}",
        "a width in `printf` is at most 1000000\n{{printf \"%99999999d\" 1}}\n  ^",
    );
}

#[test]
fn constants_are_read() {
    check("{{1}} {{-2}} {{0x1f}} {{1.50}} {{1e3}} {{'a'}} {{1_000}}", "1 -2 31 1.5 1000 97 1000");
    check(r#"{{"a\tb\"c\u00e9"}}"#, "a\tb\"cé");
    check("{{`raw\\n`}}", "raw\\n");
    check("{{true}} {{false}}", "true false");
    check_error("{{1x}}", "`1x` is no number\n{{1x}}\n  ^");
    check_error("{{\"a}}", "a quotation mark is missing\n{{\"a}}\n  ^");
}

#[test]
fn dashes_and_comments_take_white_space_and_words_away() {
    check("a {{- \" b\" -}}  c", "a bc");
    check("a\n{{- /* comment */ -}}\nb", "ab");
    check("{{/* comment */}}x", "x");
    check("{{.Name -}} \n x", "webx");
    check_error("{{3 -1}}", "only a function can be followed by values\n{{3 -1}}\n    ^");
}

#[test]
fn broken_templates_are_shown_with_the_place() {
    check_error("{{.Name", "`{{` without `}}`\n{{.Name\n^");
    check_error("{{}}", "a value is missing here\n{{}}\n  ^");
    check_error("{{nosuch .Name}}", "there is no function `nosuch`\n{{nosuch .Name}}\n  ^");
    check_error("{{if .Up}}x", "`{{if}}` without `{{end}}`\n{{if .Up}}x\n^");
    check_error("x{{end}}", "`{{end}}` without a beginning\nx{{end}}\n ^");
    check_error("{{break}}", "`{{break}}` outside of `{{range}}`\n{{break}}\n^");
    check_error("{{.Name.}}", "a field's name must follow `.`\n{{.Name.}}\n       ^");
    check_error("{{(.Name}}", "`)` is missing here\n{{(.Name}}\n        ^");
    check_error("{{.Name .Id}}", "only a function can be followed by values\n{{.Name .Id}}\n        ^");
    check_error("{{define \"x\"}}{{end}}", "`{{define}}` is not supported\n{{define \"x\"}}{{end}}\n^");
    check_error("one\n\ttwo {{.Nope}}\nthree", "there is no field `Nope` here\n\ttwo {{.Nope}}\n\t       ^");
    check_error(&"{{(".repeat(5000), &format!("unexpected `{{`\n{}\n   ^", "{{(".repeat(5000)));
}

#[test]
fn a_slip_in_a_name_gets_a_hint() {
    let hint = |template: &str| {
        Template::parse(template).and_then(|it| it.render(&to_value(&fixture()))).unwrap_err().hint()
    };
    assert_eq!(hint("{{.name}}").as_deref(), Some("did you mean `.Name`?"));
    assert_eq!(hint("{{.Lables}}").as_deref(), Some("did you mean `.Labels`?"));
    assert_eq!(hint("{{.State.Whatever}}").as_deref(), Some("the fields are Status, ExitCode"));
    assert_eq!(hint("{{uper .Name}}").as_deref(), Some("did you mean `upper`?"));
    assert_eq!(hint("{{Name}}").as_deref(), Some("did you mean `.Name`?"));
}

#[test]
fn deep_nesting_is_refused_before_the_stack_ends() {
    let parentheses = format!("{{{{{}1{}}}}}", "(".repeat(10_000), ")".repeat(10_000));
    assert_eq!(Template::parse(&parentheses).unwrap_err().why, "too deeply nested");
    let blocks = format!("{}{}", "{{if 1}}".repeat(10_000), "{{end}}".repeat(10_000));
    assert_eq!(Template::parse(&blocks).unwrap_err().why, "too deeply nested");
    let chain = format!("{{{{if 0}}}}{}{{{{end}}}}", "{{else if 0}}".repeat(10_000));
    assert_eq!(Template::parse(&chain).unwrap_err().why, "too deeply nested");
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    name: &'static str,
    size: u32,
}

const ROWS: [Row; 2] = [Row { name: "web", size: 5 }, Row { name: "a-longer-name-here", size: 70 }];
const HEADINGS: &Headings = &[("Name", "NAMES"), ("Size", "SIZE")];

#[track_caller]
fn check_list(format: &str, noheading: bool, expected: &str) {
    assert_eq!(render_list(format, &ROWS, HEADINGS, noheading).as_deref(), Ok(expected), "{format}");
}

#[test]
fn a_table_has_headings_and_columns() {
    check_list(
        "table {{.Name}} {{.Size}}",
        false,
        "NAMES               SIZE\nweb                 5\na-longer-name-here  70\n",
    );
    check_list(
        r"table {{.Size}}\t{{.Name}}",
        false,
        "SIZE        NAMES\n5           web\n70          a-longer-name-here\n",
    );
    check_list("table {{.Name}}", true, "web\na-longer-name-here\n");
}

#[test]
fn other_formats_stand_for_themselves() {
    check_list("{{.Name}} {{.Size}}", false, "web 5\na-longer-name-here 70\n");
    check_list(r"{{.Name}}\n", false, "web\na-longer-name-here\n");
    check_list("{{range .}}{{.Name}},{{end}}", false, "web,a-longer-name-here,\n");
    check_list("{{ range . }}{{.Size}}{{println}}{{end -}}", false, "5\n70\n");
    check_list(r#"table {{printf "%s %d" .Name .Size}}"#, true, "web 5\na-longer-name-here 70\n");
}

#[test]
fn only_a_table_lines_its_cells_up() {
    check_list(r#"{{"\t"}}{{.Size}}"#, true, "\t5\n\t70\n");
    check_list(r"{{.Size}}\t{{.Name}}", false, "5\tweb\n70\ta-longer-name-here\n");
    check_list("{{.Size}}\t{{.Name}}", false, "5\tweb\n70\ta-longer-name-here\n");
    check_list(r"{{range .}}{{.Size}}\t{{.Name}}\n{{end}}", false, "5\tweb\n70\ta-longer-name-here\n\n");
    check_list(r#"table {{"\t"}}{{.Size}}"#, true, "            5\n            70\n");
}

/// As by Podman: a row is a line, whoever ends it.
#[test]
fn a_template_may_end_its_lines_by_itself() {
    for format in [r"{{.Name}}\n", "{{.Name}}{{\"\\n\"}}", "{{.Name}}"] {
        check_list(format, false, "web\na-longer-name-here\n");
    }
    check_list(r"{{.Name}}\n\n", false, "web\n\na-longer-name-here\n\n");
    check_list("{{if false}}x{{end}}", false, "\n\n");
}

#[test]
fn durations_are_go_s() {
    #[derive(Serialize)]
    struct Check {
        interval: WireDuration,
        unset: OmitEmpty<WireDuration>,
    }
    let check = |text: &str, expected: &str| {
        let rows = [Check { interval: WireDuration(90_500_000_000), unset: OmitEmpty(WireDuration(0)) }];
        let filled = render_list(text, &rows, &[], true);
        assert_eq!(filled.as_deref(), Ok(format!("{expected}\n").as_str()), "{text}");
    };
    check("{{.Interval}} {{.Unset}} {{.Interval.Seconds}}", "1m30.5s 0s 90.5");
    check("{{.Interval.Milliseconds}} {{printf \"%d %s\" .Interval .Interval}}", "90500 90500000000 1m30.5s");
    check("{{gt .Interval 1000}} {{json .}}", r#"true {"interval":90500000000}"#);
    check("{{if .Unset}}x{{else}}none{{end}}", "none");
}

#[test]
fn an_empty_table_still_has_its_headings() {
    let none: [Row; 0] = [];
    let text = render_list("table {{.Name}}\t{{.Size}}", &none, HEADINGS, false);
    assert_eq!(text.as_deref(), Ok("NAMES       SIZE\n"));
}

#[test]
fn columns_are_as_wide_as_their_block() {
    assert_eq!(align("a\tb\nlonger than twelve\tc\n"), "a                   b\nlonger than twelve  c\n");
    assert_eq!(
        align("a\tb\nno column\nlonger than twelve\tc"),
        "a           b\nno column\nlonger than twelve  c"
    );
    assert_eq!(align("über\tx\n"), "über        x\n");
    assert_eq!(align("a\t\tb\n"), "a                       b\n");
}

#[test]
fn json_keeps_the_order_of_fields() {
    assert_eq!(
        json::pretty(&ROWS, 2),
        "[\n  {\n    \"Name\": \"web\",\n    \"Size\": 5\n  },\n  {\n    \"Name\": \"a-longer-name-here\",\n    \"Size\": 70\n  }\n]"
    );
}

/// Text that looks like a template: random letters would hardly ever get past the first brace.
fn template_like() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("{{"),
        Just("}}"),
        Just("{{- "),
        Just(" -}}"),
        Just("{{end}}"),
        Just("{{else}}"),
        Just("{{if "),
        Just("{{range "),
        Just("{{with "),
        Just("{{else if "),
        Just("{{break}}"),
        Just("{{/*"),
        Just("*/}}"),
        Just(".Name"),
        Just(".Names"),
        Just(".Ports"),
        Just(".State.Status"),
        Just(".Labels.a"),
        Just(".Nope"),
        Just("."),
        Just("$"),
        Just("$x"),
        Just("$x := "),
        Just("$i, $x := "),
        Just("$x = "),
        Just(" | "),
        Just("("),
        Just(")"),
        Just(" "),
        Just("\n"),
        Just("\t"),
        Just("\""),
        Just("`"),
        Just("'"),
        Just("\\"),
        Just("1"),
        Just("-1"),
        Just("0x"),
        Just("1e99"),
        Just("99999999999999999999999999999999999999999999"),
        Just("index "),
        Just("slice "),
        Just("printf "),
        Just("\"%*d %v %!\""),
        Just("join "),
        Just("split "),
        Just("len "),
        Just("json "),
        Just("eq "),
        Just("and "),
        Just("or "),
        Just("pad "),
        Just("truncate "),
        Just("title "),
        Just("nil"),
        Just("true"),
        Just("é"),
        Just("\u{0}"),
        Just("table "),
        Just("\\t"),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_template_makes_the_engine_panic(text in template_like()) {
        let value = to_value(&fixture());
        if let Ok(template) = Template::parse(&text) {
            let _ = template.render(&value);
        }
        let _ = render_list(&text, &ROWS, HEADINGS, false);
    }

    #[test]
    fn no_text_makes_the_engine_panic(text in any::<String>()) {
        let _ = Template::parse(&text).and_then(|template| template.render(&to_value(&fixture())));
        let _ = Template::parse(&format!("{{{{{text}}}}}")).and_then(|template| template.render(&Value::Nil));
        let _ = align(&text);
    }

    #[test]
    fn text_without_braces_stands_for_itself(text in "[^{]*") {
        prop_assert_eq!(Template::parse(&text).unwrap().render(&Value::Nil).unwrap(), text);
    }
}

#[test]
fn a_label_is_asked_for_by_its_name() {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Labelled {
        labels: std::collections::BTreeMap<String, String>,
    }
    let labels = [("a".to_owned(), "b".to_owned())].into();
    let value = to_value(&Labelled { labels });
    let told = |text: &str| Template::parse(text).and_then(|it| it.render(&value)).map_err(|err| err.why);
    assert_eq!(told("{{.Label \"a\"}}-{{.Label \"none\"}}").as_deref(), Ok("b-"));
    assert_eq!(told("{{if eq (.Label \"a\") \"b\"}}yes{{end}}").as_deref(), Ok("yes"));
    assert!(told("{{.Label 3}}").is_err());
    assert!(told("{{.Labels \"a\"}}").is_err());
}

#[test]
fn json_leaves_out_or_nulls_what_is_empty_and_templates_see_it() {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Row {
        pid: OmitEmpty<i32>,
        names: NullIfEmpty<Vec<String>>,
    }
    let value = to_value(&Row { pid: OmitEmpty(0), names: NullIfEmpty(Vec::new()) });
    assert_eq!(json::compact(&value), "{\"Names\":null}");
    let told = Template::parse("{{.Pid}} {{len .Names}} {{.}}").unwrap().render(&value).unwrap();
    assert_eq!(told, "0 0 {0 []}");
    let value = to_value(&Row { pid: OmitEmpty(3), names: NullIfEmpty(vec!["a".to_owned()]) });
    assert_eq!(json::compact(&value), "{\"Pid\":3,\"Names\":[\"a\"]}");
}
