use std::net::SocketAddr;

use serde::Deserialize;

use super::*;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    http: Http,
    sfu: Sfu,
    database: Database,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Http {
    listen: SocketAddr,
    origins: Vec<String>,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Sfu {
    udp_port: u16,
    shards: Option<u32>,
    verbose: bool,
    mode: Mode,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    #[default]
    Plain,
    Fancy,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Database {
    url: Option<String>,
    password: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            http: Http::default(),
            sfu: Sfu {
                udp_port: 7882,
                ..Sfu::default()
            },
            database: Database::default(),
        }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".parse().expect("an address"),
            origins: Vec::new(),
        }
    }
}

const SECRETS: &[&str] = &["database.password"];

fn sources(file: Option<&str>, environment: &[(&str, &str)]) -> (Sources, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("colloquy.toml");
    std::fs::write(&path, file.unwrap_or_default()).expect("written");
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let sources = Sources {
        file: Some(path),
        environment: environment.iter().map(own).collect(),
        flags: Vec::new(),
    };
    (sources, folder)
}

fn loaded(file: &str, environment: &[(&str, &str)]) -> Settings {
    let (sources, _folder) = sources(Some(file), environment);
    load(&sources, SECRETS).expect("good settings")
}

/// The complaint, with the temporary folder's name taken out.
fn complaint(file: &str, environment: &[(&str, &str)]) -> String {
    let (sources, folder) = sources(Some(file), environment);
    let error = load::<Settings>(&sources, SECRETS).expect_err("bad settings");
    let folder = format!("{}/", folder.path().display());
    error.to_string().replace(&folder, "")
}

#[test]
fn nothing_said_gives_the_defaults() {
    assert_eq!(loaded("", &[("PATH", "/bin")]), Settings::default());
}

#[test]
fn each_source_counts_more_than_the_one_before() {
    let file = "[http]\nlisten = \"127.0.0.1:1\"\n[sfu]\nudp_port = 1\nshards = 1\n";
    let environment = [
        ("COLLOQUY__SFU__UDP_PORT", "2"),
        ("COLLOQUY__SFU__SHARDS", "2"),
    ];
    let (mut sources, _folder) = sources(Some(file), &environment);
    sources.flags = vec![("sfu.shards".to_owned(), "3".to_owned())];
    let settings: Settings = load(&sources, SECRETS).expect("good settings");
    assert_eq!(settings.http.listen.port(), 1);
    assert_eq!(settings.sfu.udp_port, 2);
    assert_eq!(settings.sfu.shards, Some(3));
}

#[test]
fn text_takes_the_type_that_the_field_asks_for() {
    let settings = loaded(
        "",
        &[
            ("COLLOQUY__HTTP__LISTEN", "0.0.0.0:9"),
            ("COLLOQUY__HTTP__ORIGINS", "https://a, https://b"),
            ("COLLOQUY__SFU__VERBOSE", "true"),
            ("COLLOQUY__SFU__MODE", "fancy"),
            ("COLLOQUY__DATABASE__PASSWORD", "12345678"),
        ],
    );
    assert_eq!(settings.http.listen.to_string(), "0.0.0.0:9");
    assert_eq!(settings.http.origins, ["https://a", "https://b"]);
    assert!(settings.sfu.verbose);
    assert_eq!(settings.sfu.mode, Mode::Fancy);
    assert_eq!(settings.database.password.as_deref(), Some("12345678"));
}

#[test]
fn a_secret_may_be_the_content_of_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("password");
    std::fs::write(&path, "two words\n").expect("written");
    let path = path.to_str().expect("UTF-8");
    let settings = loaded("", &[("COLLOQUY__DATABASE__PASSWORD_FILE", path)]);
    assert_eq!(settings.database.password.as_deref(), Some("two words"));
}

#[test]
fn what_cannot_be_used_is_one_line_with_the_setting_and_its_origin() {
    /// The file, the environment, the complaint.
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);
    let cases: &[Case<'_>] = &[
        (
            "[htp]\nlisten = \"x\"",
            &[],
            "unknown field `htp`, expected one of `http`, `sfu`, `database` (in colloquy.toml)",
        ),
        (
            "[http]\nlistn = \"x\"",
            &[],
            "http: unknown field `listn`, expected `listen` or `origins` (in colloquy.toml)",
        ),
        (
            "[sfu]\nudp_port = 70000",
            &[],
            "sfu.udp_port: invalid value: integer `70000`, expected u16 (in colloquy.toml)",
        ),
        (
            "[sfu]\nudp_port = ",
            &[],
            "colloquy.toml line 2: string values must be quoted, expected literal string",
        ),
        (
            "",
            &[("COLLOQUY__SFU__UDP_PORT", "many")],
            "sfu.udp_port: is not a whole number in range (in the environment, COLLOQUY__SFU__UDP_PORT)",
        ),
        (
            "",
            &[("COLLOQUY__SFU__PORT", "1")],
            "sfu: unknown field `port`, expected one of `udp_port`, `shards`, `verbose`, `mode` (in the environment, COLLOQUY__SFU__PORT)",
        ),
        (
            "",
            &[("COLLOQUY__HTTP", "1"), ("COLLOQUY__HTTP__LISTEN", "1")],
            "COLLOQUY__HTTP__LISTEN: names a setting inside of what is not a section",
        ),
        (
            "",
            &[("COLLOQUY__DATABASE__PASSWORD_FILE", "/nowhere/at/all")],
            "COLLOQUY__DATABASE__PASSWORD_FILE: /nowhere/at/all: No such file or directory (os error 2)",
        ),
    ];
    for (file, environment, expected) in cases {
        assert_eq!(&complaint(file, environment), expected);
    }
}

#[test]
fn a_file_that_was_named_must_exist() {
    let sources = Sources {
        file: Some(PathBuf::from("/nowhere/colloquy.toml")),
        ..Sources::default()
    };
    let error = load::<Settings>(&sources, SECRETS).expect_err("no such file");
    assert_eq!(
        error.to_string(),
        "/nowhere/colloquy.toml: No such file or directory (os error 2)"
    );
}

#[test]
fn printed_settings_can_be_read_again_and_show_no_secret() {
    let settings = loaded("[database]\npassword = \"hush\"\nurl = \"sqlite:x\"", &[]);
    let text = print(&settings, SECRETS).expect("printable");
    assert!(!text.contains("hush"), "{text}");
    let again = loaded(&text, &[]);
    assert_eq!(again.database.password.as_deref(), Some(REDACTED));
    assert_eq!(again.database.url.as_deref(), Some("sqlite:x"));
    assert_eq!(again.http, settings.http);
}
