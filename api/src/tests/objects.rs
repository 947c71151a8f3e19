//! Links to recorded files.

use axum::http::StatusCode;

use crate::testing::TestApp;

const KEY: &str = "recordings/one/composed.mp4";

async fn link(test: &TestApp) -> String {
    let path = test.folder.path().join(KEY);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(&path, b"0123456789").expect("a file");
    let url = test
        .app
        .objects
        .signed_url(KEY, test.app.now_ms())
        .await
        .expect("a link");
    url.strip_prefix("http://127.0.0.1:8080")
        .expect("our own")
        .to_owned()
}

#[tokio::test]
async fn a_link_gives_the_file_and_says_what_it_is() {
    let test = TestApp::open().await;
    let link = link(&test).await;
    let whole = test.get(&link).send().await;
    assert_eq!(
        (whole.status, &whole.body[..]),
        (StatusCode::OK, &b"0123456789"[..])
    );
    assert_eq!(whole.header("content-type"), "video/mp4");
    assert_eq!(
        whole.header("content-disposition"),
        "inline; filename=\"composed.mp4\""
    );
    assert_eq!(whole.header("accept-ranges"), "bytes");
    assert_eq!(whole.header("content-length"), "10");
    assert_eq!(whole.header("x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn a_part_is_given_when_asked_for_and_the_file_is_the_same() {
    let test = TestApp::open().await;
    let link = link(&test).await;
    let part = test.get(&link).header("range", "bytes=2-4").send().await;
    assert_eq!(
        (part.status, &part.body[..]),
        (StatusCode::PARTIAL_CONTENT, &b"234"[..])
    );
    assert_eq!(part.header("content-range"), "bytes 2-4/10");
    assert_eq!(part.header("content-length"), "3");
    let tag = part.header("etag").to_owned();
    let ask = |tag: &str| {
        test.get(&link)
            .header("range", "bytes=-1")
            .header("if-range", tag)
            .send()
    };
    assert_eq!(&ask(&tag).await.body[..], b"9");
    assert_eq!(&ask("\"other\"").await.body[..], b"0123456789");
    let outside = test.get(&link).header("range", "bytes=10-").send().await;
    assert_eq!(outside.code(), "range_unsatisfiable");
    assert_eq!(outside.header("content-range"), "bytes */10");
}

#[tokio::test]
async fn a_link_that_is_altered_in_any_part_opens_nothing() {
    let test = TestApp::open().await;
    let link = link(&test).await;
    std::fs::write(test.folder.path().join("recordings/one/other.mp4"), b"x").expect("a file");
    let expires = link
        .split("expires=")
        .nth(1)
        .and_then(|rest| rest.split('&').next());
    let expires: i64 = expires.expect("a time").parse().expect("a number");
    let altered = [
        link.replace("composed", "other"),
        link.replace("/one/", "/one/../one/"),
        link.replace("/one/", "/one/%2e%2e/one/"),
        link.replace(&expires.to_string(), &(expires + 1).to_string()),
        link.replace("signature=", "signature=A"),
        link[..link.len() - 1].to_owned(),
        link.split('?').next().expect("a path").to_owned(),
        format!(
            "{}?expires={expires}",
            link.split('?').next().expect("a path")
        ),
    ];
    for link in altered {
        assert_eq!(test.get(&link).send().await.code(), "not_found", "{link}");
    }
    let put = test.post(&link).send().await;
    assert_eq!(put.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_link_ends_with_its_time_and_is_the_same_for_a_while() {
    let test = TestApp::open().await;
    let first = link(&test).await;
    test.clock.advance(1_000);
    assert_eq!(link(&test).await, first);
    let lifetime_ms = i64::from(test.app.config.object_url_seconds) * 1_000;
    test.clock.advance(lifetime_ms - 1_000);
    test.get(&first).send().await.expect(StatusCode::OK);
    test.clock.advance(300_000);
    assert_eq!(test.get(&first).send().await.code(), "not_found");
}

#[tokio::test]
async fn a_link_on_the_disk_does_not_lead_out_of_the_store() {
    let test = TestApp::open().await;
    link(&test).await;
    let outside = tempfile::tempdir().expect("a folder");
    std::fs::write(outside.path().join("secret"), b"x").expect("a file");
    let way_out = test.folder.path().join("recordings/out");
    std::os::unix::fs::symlink(outside.path(), way_out).expect("a link");
    let now_ms = test.app.now_ms();
    let url = test
        .app
        .objects
        .signed_url("recordings/out/secret", now_ms)
        .await
        .expect("a link");
    let path = url.strip_prefix("http://127.0.0.1:8080").expect("our own");
    assert_eq!(test.get(path).send().await.code(), "not_found");
}
