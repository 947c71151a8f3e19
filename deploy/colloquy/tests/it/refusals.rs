use std::net::{TcpListener, UdpSocket};

use crate::program::Place;

/// The one line with which a start is refused.
#[track_caller]
fn refusal(place: &Place, arguments: &[&str]) -> String {
    let output = place.run(arguments);
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    said
}

#[test]
fn a_setting_that_is_unknown_is_one_line_and_exit_code_2() {
    let place = Place::new();
    for arguments in [["config", "check"], ["config", "print"]] {
        let flags = [&arguments[..], &["--set", "http.listn=x"]].concat();
        let line = refusal(&place, &flags);
        assert!(line.contains("listn") && line.contains("listen"), "{line}");
    }
    let line = refusal(&place, &["serve", "--listen", "here"]);
    assert!(line.contains("http.listen"), "{line}");
}

#[test]
fn good_settings_are_printed_without_secrets() {
    let mut place = Place::new();
    place.set("SETUP__OWNER_EMAIL", "olga@example.org");
    place.set("SETUP__OWNER_PASSWORD", "hush hush hush");
    let output = place.run(&["config", "print"]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success());
    assert!(
        text.contains("olga@example.org") && !text.contains("hush"),
        "{text}"
    );
}

#[test]
fn a_port_in_use_is_named() {
    let mut place = Place::new();
    let held = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = held.local_addr().expect("bound").to_string();
    let line = refusal(&place, &["serve", "--listen", &address]);
    assert!(line.contains(&address) && line.contains("in use"), "{line}");

    let held = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let port = held.local_addr().expect("bound").port().to_string();
    place.set("SFU__UDP_PORT", &port);
    let line = refusal(&place, &["serve"]);
    assert!(line.contains(&port) && line.contains("in use"), "{line}");

    let mut place = Place::new();
    let held = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = held.local_addr().expect("bound").port().to_string();
    place.set("SFU__TCP_PORT", &port);
    let line = refusal(&place, &["serve"]);
    assert!(
        line.contains(&port) && line.contains("sfu.tcp_port"),
        "{line}"
    );
}

#[test]
fn a_data_directory_that_cannot_be_written_is_named() {
    let mut place = Place::new();
    let file = place.folder.path().join("file");
    std::fs::write(&file, "").expect("written");
    let inside = file.join("data").display().to_string();
    place.set("DATA__DIR", &inside);
    let line = refusal(&place, &["serve"]);
    assert!(
        line.contains(&inside) && line.contains("not writable"),
        "{line}"
    );
}
