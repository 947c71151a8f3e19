//! Decides what can be typed: subcommands and flags. Flags are settings under another name.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use sfu_protocol::ids::RecordingId;

/// Self-hosted meetings and recorded interviews in one program.
#[derive(Debug, Parser)]
#[command(name = "colloquy", version, about)]
pub(crate) struct Cli {
    /// What to do; `serve` when nothing is said.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) settings: SettingFlags,
}

/// Flags that every subcommand understands. Each counts more than the environment and the file.
#[derive(Debug, Default, Args)]
pub(crate) struct SettingFlags {
    /// The file of settings [default: colloquy.toml, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where to listen for HTTP [http.listen]
    #[arg(long, global = true, value_name = "ADDRESS")]
    listen: Option<String>,
    /// How browsers reach this server [http.public_url]
    #[arg(long, global = true, value_name = "URL")]
    public_url: Option<String>,
    /// Where everything is kept [data.dir]
    #[arg(long, global = true, value_name = "FOLDER")]
    data_dir: Option<String>,
    /// Which log lines are written, as in info,sfu=debug [log.filter]
    #[arg(long, global = true, value_name = "FILTER")]
    log: Option<String>,
    /// Any other setting, as in --set sfu.udp_port=7900
    #[arg(long, global = true, value_name = "NAME=VALUE", value_parser = name_and_value)]
    set: Vec<(String, String)>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything (the default)
    Serve,
    /// Look at the settings
    Config {
        #[command(subcommand)]
        action: ConfigAction,
    },
    /// Look at recordings and tapes
    Recording {
        #[command(subcommand)]
        action: RecordingAction,
    },
    /// Bring the database's schema up to date
    Migrate,
    /// Tell what this machine lacks
    Doctor,
    /// Measure what a server can hold
    Bench(Box<bench::Arguments>),
    /// Act on accounts without signing in
    Admin {
        #[command(subcommand)]
        action: AdminAction,
    },
}

/// What to do with the settings.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum ConfigAction {
    /// Say whether they can be used
    Check,
    /// Show those in force as TOML, without secrets
    Print,
}

/// What to do with recordings.
#[derive(Debug, Subcommand)]
pub(crate) enum RecordingAction {
    /// Compute every hash of a recording again
    Verify {
        /// The recording's id
        id: RecordingId,
    },
    /// Read one segment of a tape and say where it is torn
    Tape {
        /// The segment's file
        file: PathBuf,
    },
}

/// What to do with accounts.
#[derive(Debug, Subcommand)]
pub(crate) enum AdminAction {
    /// Make the first owner; the password is read from standard input
    CreateOwner {
        /// The address to sign in with
        #[arg(long)]
        email: String,
        /// The name that others see
        #[arg(long, default_value = "Owner")]
        name: String,
    },
}

impl SettingFlags {
    /// The settings that were given as flags, by their dotted names.
    pub(crate) fn given(&self) -> Vec<(String, String)> {
        let short = [
            ("http.listen", &self.listen),
            ("http.public_url", &self.public_url),
            ("data.dir", &self.data_dir),
            ("log.filter", &self.log),
        ];
        let named = short
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
        named.chain(self.set.iter().cloned()).collect()
    }
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| "write it as NAME=VALUE".to_owned())?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_commands_fit_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_are_settings_before_and_after_the_subcommand() {
        let line = "colloquy --listen 127.0.0.1:1 serve --set sfu.udp_port=7 --data-dir /d";
        let cli = Cli::try_parse_from(line.split(' ')).expect("a good line");
        let given = cli.settings.given();
        let expected = [
            ("http.listen", "127.0.0.1:1"),
            ("data.dir", "/d"),
            ("sfu.udp_port", "7"),
        ];
        let given: Vec<_> = given
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        assert_eq!(given, expected);
    }
}
