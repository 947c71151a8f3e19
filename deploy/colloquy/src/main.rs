//! The one program: wires every part.
//!
//! Nothing is decided about media, rooms or recordings here. Each part has a start function and
//! a few channels; [`serve`] gives them to each other, in order, and takes them down again.

mod admin;
mod capacity;
mod checks;
mod cli;
mod demo;
mod doctor;
mod folder;
mod http;
mod ports;
mod recording;
mod refusal;
mod serve;
mod settings;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;

use cli::{AdminAction, Cli, Command, ConfigAction, RecordingAction, SettingFlags};
use refusal::{EXIT_REFUSED, Refusal};
use settings::Settings;

/// The C library's own keeps what was freed, above all the memory of a password's hash, as long as
/// the process lives; this one gives it back within seconds.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // Our TLS libraries are built without a default, so that there is one cryptography library.
    if rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .is_err()
    {
        eprintln!("colloquy: a cryptography provider was chosen before ours");
        return ExitCode::FAILURE;
    }
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(fault) => {
            eprintln!("colloquy: {fault:#}");
            if fault.is::<Refusal>() {
                ExitCode::from(EXIT_REFUSED)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let flags = cli.settings;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => {
            let settings = Settings::load(&flags)?;
            let runtime = runtime()?;
            let served = runtime.block_on(serve::serve(settings));
            // A file being composed is made again at the next start; nobody waits for it here.
            runtime.shutdown_background();
            served?;
        }
        Command::Config { action } => config(&Settings::load(&flags)?, action)?,
        Command::Recording { action } => {
            return match action {
                RecordingAction::Verify { id } => recording::verify(&Settings::load(&flags)?, id),
                RecordingAction::Tape { file } => recording::read_tape(&file),
            };
        }
        Command::Migrate => {
            let settings = Settings::load(&flags)?;
            runtime()?.block_on(admin::migrate(&settings))?;
        }
        Command::Doctor => {
            let settings = Settings::load(&flags)?;
            return Ok(runtime()?.block_on(doctor::examine(&settings)));
        }
        Command::Bench(arguments) => run_bench(*arguments, &flags)?,
        Command::Admin { action } => {
            let AdminAction::CreateOwner { email, name } = action;
            let settings = Settings::load(&flags)?;
            runtime()?.block_on(admin::create_owner(&settings, &email, &name))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A bench without anything to keep needs no settings and no data directory.
fn run_bench(arguments: bench::Arguments, flags: &SettingFlags) -> anyhow::Result<()> {
    let mut data_dir = PathBuf::new();
    if arguments.store() {
        let settings = Settings::load(flags)?;
        folder::make(settings.folder())?;
        data_dir = settings.folder().to_owned();
    }
    runtime()?.block_on(bench::run(arguments, &data_dir))
}

fn config(settings: &Settings, action: ConfigAction) -> anyhow::Result<()> {
    match action {
        ConfigAction::Check => println!("the settings can be used"),
        ConfigAction::Print => print!("{}", settings.print()?),
    }
    Ok(())
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start threads")
}
