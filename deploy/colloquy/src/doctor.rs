//! `colloquy doctor`: every question of a start at once, each with its answer.

use std::process::ExitCode;

use crate::folder::HeldFolder;
use crate::refusal::EXIT_REFUSED;
use crate::settings::Settings;
use crate::{capacity, checks, serve};

/// Prints the answers. Fails when one of them would stop a start, or when the database is damaged,
/// with which a server starts and may lose what it holds.
pub(crate) async fn examine(settings: &Settings) -> ExitCode {
    let answers = [
        (
            "HTTP port",
            checks::bind_http(settings.http.listen).map(drop),
        ),
        ("media ports", serve::media_ports_free(settings)),
        (
            "data directory",
            HeldFolder::open(settings.folder())
                .map(drop)
                .map_err(|r| r.to_string()),
        ),
        ("database", checks::database(settings).await),
        ("codecs", checks::codecs()),
        ("open files", checks::open_files()),
    ];
    let mut well = true;
    for (question, answer) in answers {
        match answer {
            Ok(()) => println!("ok       {question}"),
            Err(problem) => {
                well = false;
                println!("PROBLEM  {question}: {problem}");
            }
        }
    }
    println!("{}", capacity::examine(settings.folder()));
    if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_REFUSED)
    }
}
