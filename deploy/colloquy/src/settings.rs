//! Every setting of the program, one section for each part. A part's own section is its own
//! `Config`; what is here belongs to the program as a whole.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use api::PublicUrl;
use deploy_process::{config, telemetry};
use serde::{Deserialize, Serialize};

use crate::cli::SettingFlags;
use crate::refusal::Refusal;

/// What may be given as `_FILE` and is never printed.
const SECRETS: &[&str] = &["database.url", "setup.owner_password"];

/// The settings.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) http: Http,
    #[serde(rename = "data")]
    pub(crate) storage: Storage,
    pub(crate) database: Database,
    pub(crate) log: telemetry::Config,
    pub(crate) api: api::Config,
    pub(crate) recorder: recorder::Config,
    pub(crate) sfu: sfu::Config,
    pub(crate) turn: turn::Config,
    pub(crate) setup: api::SetupConfig,
}

/// Where HTTP is served and how it is reached.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Http {
    /// The address to listen on. Default: 127.0.0.1:8080.
    pub(crate) listen: SocketAddr,
    /// How browsers reach it; links are made from it. Default: from `listen`.
    pub(crate) public_url: Option<String>,
}

/// Where everything is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Storage {
    /// The folder. Default: `data` where the program was started.
    pub(crate) dir: PathBuf,
}

/// Where rows are kept.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Database {
    /// `sqlite:` or `postgres:`. Default: SQLite in `data.dir`.
    pub(crate) url: Option<String>,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: None,
        }
    }
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("data"),
        }
    }
}

impl Settings {
    /// Reads them from every source and refuses what cannot be used.
    pub(crate) fn load(flags: &SettingFlags) -> Result<Self, Refusal> {
        let sources = config::Sources::of_process(flags.config.clone(), flags.given());
        let settings: Self = config::load(&sources, SECRETS)?;
        settings.validate()?;
        Ok(settings)
    }

    /// As TOML, without secrets.
    pub(crate) fn print(&self) -> Result<String, Refusal> {
        Ok(config::print(self, SECRETS)?)
    }

    fn validate(&self) -> Result<(), Refusal> {
        telemetry::filter(&self.log.filter).map_err(|fault| Refusal::new(fault.to_string()))?;
        self.sfu
            .validate()
            .map_err(|fault| Refusal::new(fault.to_string()))?;
        self.turn
            .check()
            .map_err(|(setting, problem)| Refusal::new(format!("{setting}: {problem}")))?;
        self.recorder
            .check()
            .map_err(|fault| Refusal::new(fault.to_string()))?;
        if let Some(url) = &self.http.public_url {
            PublicUrl::parse(url)
                .map_err(|fault| Refusal::new(format!("http.public_url: {fault}")))?;
        }
        match (&self.setup.owner_email, &self.setup.owner_password) {
            (Some(_), None) => Err(Refusal::new("setup.owner_email needs setup.owner_password")),
            (None, Some(_)) => Err(Refusal::new("setup.owner_password needs setup.owner_email")),
            _ => Ok(()),
        }
    }

    /// The database's URL: the one given, or SQLite in the data directory.
    pub(crate) fn database_url(&self) -> String {
        self.database.url.clone().unwrap_or_else(|| {
            // A `?` or `%` in the folder's name would end or change the path.
            let path = self.storage.dir.join("colloquy.db").display().to_string();
            let path = path.replace('%', "%25").replace('?', "%3F");
            format!("sqlite://{path}?mode=rwc")
        })
    }

    /// How browsers reach the server that listens on `bound`, without a slash at the end.
    pub(crate) fn public_url(&self, bound: SocketAddr) -> String {
        match &self.http.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            // Nobody can open "any address", and this machine is the one certain to be reached.
            None if bound.ip().is_unspecified() => format!("http://127.0.0.1:{}", bound.port()),
            None => format!("http://{bound}"),
        }
    }

    /// The recorder's settings, its folders inside of the data directory unless given.
    pub(crate) fn recorder(&self) -> recorder::Config {
        let mut settings = self.recorder.clone();
        let unset = recorder::Config::default();
        if settings.spool_dir == unset.spool_dir {
            settings.spool_dir = self.storage.dir.join("spool");
        }
        if settings.objects_dir == unset.objects_dir {
            settings.objects_dir = self.storage.dir.join("objects");
        }
        settings
    }

    /// Where keys are.
    pub(crate) fn secrets(&self) -> PathBuf {
        self.storage.dir.join("secrets")
    }

    /// The folder of everything.
    pub(crate) fn folder(&self) -> &Path {
        &self.storage.dir
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut Settings)) -> String {
        let mut settings = Settings::default();
        change(&mut settings);
        settings.validate().expect_err("unusable").to_string()
    }

    #[test]
    fn the_defaults_can_be_used_and_survive_being_printed() {
        let settings = Settings::default();
        assert!(settings.validate().is_ok());
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("colloquy.toml");
        std::fs::write(&path, settings.print().expect("printable")).expect("written");
        let sources = config::Sources {
            file: Some(path),
            ..config::Sources::default()
        };
        let again: Settings = config::load(&sources, SECRETS).expect("what was printed is read");
        assert_eq!(
            again.print().expect("printable"),
            settings.print().expect("printable")
        );
    }

    #[test]
    fn every_stable_name_is_a_setting() {
        let names = [
            ("HTTP__LISTEN", "127.0.0.1:1"),
            ("HTTP__PUBLIC_URL", "https://meet.example.org"),
            ("DATA__DIR", "/srv/colloquy"),
            ("SFU__UDP_PORT", "7900"),
            ("SFU__ADVERTISE_IP", "192.0.2.1"),
            ("TURN__PORT", "3500"),
            ("DATABASE__URL", "postgres://localhost/colloquy"),
            ("SETUP__OWNER_EMAIL", "olga@example.org"),
            ("SETUP__OWNER_PASSWORD", "1234567890"),
        ];
        let sources = config::Sources {
            environment: names
                .iter()
                .map(|(name, value)| (format!("COLLOQUY__{name}"), (*value).to_owned()))
                .collect(),
            ..config::Sources::default()
        };
        let settings: Settings = config::load(&sources, SECRETS).expect("all known");
        assert!(settings.validate().is_ok());
        assert_eq!(settings.setup.owner_password.as_deref(), Some("1234567890"));
        let printed = settings.print().expect("printable");
        assert!(
            !printed.contains("1234567890") && !printed.contains("postgres:"),
            "{printed}"
        );
    }

    #[test]
    fn what_contradicts_itself_is_named() {
        let half = refused(|s| s.setup.owner_email = Some("olga@example.org".to_owned()));
        assert!(half.contains("setup.owner_password"), "{half}");
        let other = refused(|s| s.http.public_url = Some("ftp://a.example".to_owned()));
        assert!(other.contains("http.public_url"), "{other}");
        let filter = refused(|s| s.log.filter = "sfu=loudest".to_owned());
        assert!(filter.contains("log.filter"), "{filter}");
    }

    #[test]
    fn tapes_and_files_are_in_the_data_directory_unless_told_otherwise() {
        let mut settings = Settings::default();
        settings.storage.dir = PathBuf::from("/srv");
        settings.recorder.spool_dir = PathBuf::from("/fast/tapes");
        assert_eq!(settings.recorder().spool_dir, Path::new("/fast/tapes"));
        assert_eq!(settings.recorder().objects_dir, Path::new("/srv/objects"));
    }

    #[test]
    fn links_lead_to_where_the_server_listens_unless_told_otherwise() {
        let mut settings = Settings::default();
        let bound = |text: &str| text.parse().expect("an address");
        assert_eq!(
            settings.public_url(bound("127.0.0.1:81")),
            "http://127.0.0.1:81"
        );
        assert_eq!(
            settings.public_url(bound("0.0.0.0:81")),
            "http://127.0.0.1:81"
        );
        settings.http.public_url = Some("https://meet.example.org/".to_owned());
        assert_eq!(
            settings.public_url(bound("127.0.0.1:81")),
            "https://meet.example.org"
        );
    }
}
