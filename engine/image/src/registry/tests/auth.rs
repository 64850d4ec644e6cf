//! Passwords and tokens: shown where they are asked for, and nowhere else.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::credentials::Credential;

fn me() -> Credentials {
    Credentials::explicit(Credential::parse("u1:p1").unwrap())
}

const BASIC: &str = "Basic dTE6cDE=";

/// A registry that wants tokens, and answers for its own tokens at /token.
fn token_server(image: &Image, on_token: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Server {
    let content = image.content();
    Server::new(move |asked| {
        let host = asked.header("host").unwrap().to_owned();
        match asked.path.as_str() {
            "/token" => on_token(asked),
            _ if asked.header("authorization") == Some("Bearer good") => content.answer(asked),
            _ => Reply::text(401, r#"{"errors":[{"code":"UNAUTHORIZED","message":"who are you"}]}"#).with(
                "WWW-Authenticate",
                &format!(r#"Bearer realm="http://{host}/token",service="reg"#).replace("\"reg", "\"reg\""),
            ),
        }
    })
}

#[test]
fn an_anonymous_token_is_fetched_once_for_all_threads() {
    let image = Image::new();
    let server = token_server(&image, |_| Reply::ok(r#"{"token":"good","expires_in":300}"#));
    let source = source(&server);
    let resolved = source.resolve(&PlatformRequest::host()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| assert!(read_layer(&source, &resolved).unwrap() == image.layer));
        }
    });
    let tokens = server.asked_for("/token");
    assert_eq!(tokens.len(), 1);
    assert_eq!(tokens[0].query, "service=reg&scope=repository:team/app:pull");
    assert_eq!(tokens[0].header("authorization"), None);
}

#[test]
fn a_made_up_scope_of_the_version_check_is_not_asked_for() {
    let image = Image::new();
    let content = image.content();
    let server = Server::new(move |asked| {
        let host = asked.header("host").unwrap().to_owned();
        let challenge = format!(r#"Bearer realm="http://{host}/token",scope="repository:user/image:pull""#);
        match (asked.path.as_str(), asked.query.as_str(), asked.header("authorization")) {
            ("/token", "scope=repository:team/app:pull", _) => Reply::ok(r#"{"token":"good"}"#),
            (_, _, Some("Bearer good")) => content.answer(asked),
            _ => Reply::text(401, "{}").with("WWW-Authenticate", &challenge),
        }
    });
    assert!(pull(&source(&server)).unwrap() == image.layer);
}

#[test]
fn a_password_goes_to_the_token_server_only() {
    let image = Image::new();
    let server = token_server(&image, |asked| match asked.header("authorization") {
        Some(BASIC) => Reply::ok(r#"{"access_token":"good"}"#),
        _ => Reply::text(401, "{}"),
    });
    pull(&source_with(&server, me())).unwrap();
    for asked in server.asked() {
        let shown = asked.header("authorization");
        assert_eq!(shown == Some(BASIC), asked.path == "/token", "{} {shown:?}", asked.path);
    }
    let err = pull(&source(&server)).unwrap_err();
    assert!(err.contains("refuses access to team/app"), "{err}");
}

#[test]
fn an_identity_token_is_changed_into_another() {
    let image = Image::new();
    let server = token_server(&image, |asked| {
        assert_eq!(asked.method, "POST");
        assert_eq!(
            asked.body,
            "service=reg&scope=repository:team/app:pull&grant_type=refresh_token&refresh_token=id%20tok&client_id=pontoon"
        );
        Reply::ok(r#"{"access_token":"good"}"#)
    });
    pull(&source_with(&server, Credentials::explicit(Credential::IdentityToken("id tok".to_owned()))))
        .unwrap();
}

#[test]
fn a_token_that_grew_old_is_renewed_once() {
    let image = Image::new();
    let handed_out = AtomicUsize::new(0);
    let content = image.content();
    let server = Server::new(move |asked| {
        let host = asked.header("host").unwrap().to_owned();
        let challenge = format!(r#"Bearer realm="http://{host}/token""#);
        let refuse = || Reply::text(401, "{}").with("WWW-Authenticate", &challenge);
        match (asked.path.as_str(), asked.header("authorization")) {
            ("/token", _) => {
                let number = handed_out.fetch_add(1, Ordering::Relaxed);
                Reply::ok(&format!(r#"{{"token":"t{number}"}}"#))
            }
            ("/v2/", _) => refuse(),
            (path, Some("Bearer t0")) if path.contains("manifests") => content.answer(asked),
            (path, Some("Bearer t1")) if path.contains("blobs") => content.answer(asked),
            _ => refuse(),
        }
    });
    assert!(pull(&source(&server)).unwrap() == image.layer);
    assert_eq!(server.asked_for("/token").len(), 2);
}

#[test]
fn basic_authentication_works_and_its_absence_is_explained() {
    let image = Image::new();
    let content = image.content();
    let server = Server::new(move |asked| match asked.header("authorization") {
        Some(BASIC) => content.answer(asked),
        _ => Reply::text(401, "{}").with("WWW-Authenticate", r#"Basic realm="Registry""#),
    });
    assert!(pull(&source_with(&server, me())).unwrap() == image.layer);
    let err = source(&server).resolve(&PlatformRequest::host()).unwrap_err();
    assert!(err.hint().unwrap().contains("podman login"), "{:?}", err.hint());
    let wrong = Credentials::explicit(Credential::parse("u1:wrong").unwrap());
    let err = source_with(&server, wrong).resolve(&PlatformRequest::host()).unwrap_err();
    assert!(err.hint().unwrap().contains("out of date"), "{:?}", err.hint());
}

#[test]
fn a_redirect_to_another_server_loses_the_authorization() {
    let image = Image::new();
    let store = image.content().serve();
    let (content, layer_path, elsewhere) =
        (image.content(), image.layer_path(), store.url(&image.layer_path()));
    let server = Server::new(move |asked| {
        if asked.header("authorization") != Some(BASIC) {
            return Reply::text(401, "{}").with("WWW-Authenticate", "Basic");
        }
        match asked.path == layer_path {
            true => Reply::text(307, "").with("Location", &elsewhere),
            false => content.answer(asked),
        }
    });
    assert!(pull(&source_with(&server, me())).unwrap() == image.layer);
    assert_eq!(store.asked().len(), 1);
    assert_eq!(store.asked()[0].header("authorization"), None);
}

#[test]
fn a_redirect_back_does_not_get_the_authorization_again() {
    let image = Image::new();
    let (content, layer_path) = (image.content(), image.layer_path());
    // The other server sends us back to a path of its choice.
    let other: Arc<std::sync::Mutex<String>> = Arc::default();
    let target = other.clone();
    let bouncer = Server::new(move |_| Reply::text(302, "").with("Location", &target.lock().unwrap()));
    let elsewhere = bouncer.url("/x");
    let server = Server::new(move |asked| match asked.path.as_str() {
        "/secret" => Reply::text(200, "x"),
        path if path == layer_path => Reply::text(302, "").with("Location", &elsewhere),
        _ if asked.header("authorization") != Some(BASIC) => {
            Reply::text(401, "{}").with("WWW-Authenticate", "Basic")
        }
        _ => content.answer(asked),
    });
    *other.lock().unwrap() = server.url("/secret");
    let _ = pull(&source_with(&server, me()));
    assert_eq!(server.asked_for("/secret")[0].header("authorization"), None);
}

#[test]
fn a_relative_redirect_stays_and_keeps_the_authorization() {
    let image = Image::new();
    let (mut content, layer_path) = (image.content(), image.layer_path());
    content.put("/cdn/layer", Reply::bytes(200, image.layer.clone()));
    let server = Server::new(move |asked| match asked.header("authorization") {
        Some(BASIC) if asked.path == layer_path => Reply::text(302, "").with("Location", "/cdn/layer?sig=1"),
        Some(BASIC) => content.answer(asked),
        _ => Reply::text(401, "{}").with("WWW-Authenticate", "Basic"),
    });
    assert!(pull(&source_with(&server, me())).unwrap() == image.layer);
}

#[test]
fn a_token_server_at_a_link_local_address_is_never_asked() {
    for realm in
        ["http://169.254.169.254/latest/meta-data/", "http://[fe80::1]/", "file:///etc/passwd", "http://a@b/"]
    {
        let server = Server::new(move |_| {
            Reply::text(401, "{}").with("WWW-Authenticate", &format!("Bearer realm=\"{realm}\""))
        });
        let err = pull(&source_with(&server, me())).unwrap_err();
        assert!(err.contains("which is refused"), "{err}");
    }
}

#[test]
fn strange_demands_and_tokens_are_errors() {
    let server = Server::new(|_| Reply::text(401, "{}").with("WWW-Authenticate", "Negotiate"));
    assert!(pull(&source(&server)).unwrap_err().contains("authentication we do not know"));
    for answer in ["{}", "no json", r#"{"token":"a\r\nX-Evil: 1"}"#, r#"{"token":""}"#] {
        let server = token_server(&Image::new(), move |_| Reply::ok(answer));
        assert!(pull(&source(&server)).unwrap_err().contains("nothing usable"), "{answer}");
    }
}
