//! What is put on a target: a scenario in a size, and the flags that say it.

use std::time::Duration;

use anyhow::Context;
use clap::Args;

use crate::held::{self, Progress};
use crate::means;
use crate::media::Media;
use crate::report::Summary;
use crate::report::live::Live;
use crate::scenario::{self, MAX_VIDEO_SLOTS, Plan, Scenario, Size};
use crate::target::{self, Access, Target};

/// Most participants of one run: each is a task with a socket and a DTLS connection, and beyond
/// this one machine measures itself.
pub(crate) const MAX_PARTICIPANTS: usize = 2000;

/// Most files that a participant has open: a line, a socket to publish from and one to watch from.
const FILES_EACH: usize = 3;
const UDP_PORTS_EACH: usize = 2;

/// What a node gives one client, less its voices and what it sends.
const MAX_PICTURES: u8 = 50;

/// How large a run is, and what its cameras send.
#[derive(Debug, Clone, Args)]
pub(crate) struct LoadArguments {
    /// Participants that publish, in each room; 1, or as many as the scenario needs.
    #[arg(long)]
    publishers: Option<u16>,
    /// Participants that only watch, in each room. Not every scenario has them.
    #[arg(long, default_value_t = 10)]
    viewers: u16,
    /// Rooms that are held at the same time.
    #[arg(long, default_value_t = 1)]
    rooms: u16,
    /// How long is measured, after everyone is in.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// Frames a second of each camera.
    #[arg(long, default_value_t = 30)]
    fps: u32,
    /// Bitrate of each camera's largest layer.
    #[arg(long, default_value_t = 1500)]
    kbps: u32,
    /// Simulcast layers of each camera: 1 to 3.
    #[arg(long, default_value_t = 1)]
    layers: u8,
    /// Cameras that one participant watches at once, at most.
    #[arg(long, default_value_t = MAX_VIDEO_SLOTS)]
    pictures: u8,
    /// Threads of the generator; half of the cores, unless it is said.
    #[arg(long)]
    threads: Option<usize>,
}

impl LoadArguments {
    /// How long is measured.
    pub(crate) fn seconds(&self) -> u32 {
        self.seconds
    }

    /// A scenario in the size that the flags say, or that stands behind its name.
    pub(crate) fn load(&self, shape: &str) -> anyhow::Result<Load> {
        let Some((scenario, size)) = shape.split_once(':') else {
            return self.sized(shape);
        };
        let numbers = size.split('x').map(str::parse);
        let numbers: Result<Vec<u16>, _> = numbers.collect();
        let mut sized = self.clone();
        match numbers.as_deref() {
            Ok([publishers]) => sized.publishers = Some(*publishers),
            Ok([_, _]) if scenario == "rooms" => {
                anyhow::bail!("rooms:{size} has two numbers; write rooms:ROOMSxPUBLISHERSxVIEWERS")
            }
            Ok([publishers, viewers]) => {
                (sized.publishers, sized.viewers) = (Some(*publishers), *viewers);
            }
            Ok([rooms, publishers, viewers]) => {
                (sized.rooms, sized.publishers, sized.viewers) =
                    (*rooms, Some(*publishers), *viewers);
            }
            _ => anyhow::bail!(
                "no size {size:?}: it is PUBLISHERS, PUBLISHERSxVIEWERS or ROOMSxPUBLISHERSxVIEWERS"
            ),
        }
        sized.sized(scenario)
    }

    fn sized(&self, scenario: &str) -> anyhow::Result<Load> {
        let load = self.unchecked(scenario)?;
        load.check()?;
        Ok(load)
    }

    /// The same, though nobody may take part in it yet: its size is to be raised.
    pub(crate) fn unchecked(&self, scenario: &str) -> anyhow::Result<Load> {
        let scenario = scenario::by_name(scenario)
            .with_context(|| format!("no scenario {scenario:?}; `bench list` names them"))?;
        anyhow::ensure!((1..=3).contains(&self.layers), "--layers is 1, 2 or 3");
        anyhow::ensure!(
            (1..=MAX_PICTURES).contains(&self.pictures),
            "--pictures is 1 to {MAX_PICTURES}"
        );
        anyhow::ensure!(self.fps > 0, "--fps is at least 1");
        anyhow::ensure!(self.seconds > 0, "--seconds is at least 1");
        let usual = scenario.usual_publishers();
        Ok(Load {
            scenario,
            size: Size {
                publishers: self.publishers.unwrap_or(usual),
                viewers: self.viewers,
                rooms: self.rooms,
                layers: self.layers,
                pictures: self.pictures,
                window: Duration::from_secs(self.seconds.into()),
            },
            media: Media {
                frames_per_second: self.fps,
                largest_layer_bps: self.kbps.saturating_mul(1000),
            },
            threads: self.threads.unwrap_or_else(default_threads),
        })
    }
}

/// Half of the cores: the other half is the target's.
fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2))
}

/// A scenario in a size.
pub(crate) struct Load {
    pub(crate) scenario: Box<dyn Scenario>,
    pub(crate) size: Size,
    pub(crate) media: Media,
    /// Of the generator.
    pub(crate) threads: usize,
}

impl Load {
    /// Who takes part.
    pub(crate) fn plan(&self) -> Plan {
        self.scenario.plan(&self.size)
    }

    /// Refuses what makes no run.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let participants = self.plan().participants();
        anyhow::ensure!(
            (2..=MAX_PARTICIPANTS).contains(&participants),
            "{participants} participants: a run has 2 to {MAX_PARTICIPANTS}; --publishers, --viewers and \
             --rooms say how many"
        );
        Ok(())
    }

    /// Opens a target, puts it on it once, shows how that goes, and closes the target.
    pub(crate) async fn measure(
        &self,
        (word, access): (&str, &Access),
        (title, quiet): (String, bool),
    ) -> anyhow::Result<Summary> {
        let participants = self.plan().participants();
        let what = format!("{participants} participants");
        means::enough_files(&what, participants * FILES_EACH)?;
        means::enough_ports(&what, participants * UDP_PORTS_EACH)?;
        let mut live = Live::new(title, quiet);
        let target = target::open(word, access).await?;
        self.put_on(target, &mut |progress| live.tell(progress))
            .await
    }

    /// Puts it on a target once, and closes the target, whatever comes of it.
    async fn put_on(
        &self,
        mut target: Box<dyn Target>,
        tell: &mut (dyn FnMut(Progress) + Send),
    ) -> anyhow::Result<Summary> {
        let how = (self.size.window, self.threads);
        let held = held::hold(target.as_mut(), &self.plan(), &self.media, how, tell).await;
        target.close().await;
        Ok(Summary::of(
            self.scenario.as_ref(),
            &self.size,
            &self.media,
            held?,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        load: LoadArguments,
    }

    #[test]
    fn a_size_behind_the_name_counts_more_than_the_flags() {
        let flags = Program::parse_from(["bench", "--publishers=2", "--viewers=3", "--rooms=4"]);
        for (shape, expected) in [
            ("fanout", (4, 2, 3)),
            ("meeting:8", (4, 8, 3)),
            ("fanout:1x50", (4, 1, 50)),
            ("rooms:10x1x11", (10, 1, 11)),
        ] {
            let size = flags.load.load(shape).expect(shape).size;
            assert_eq!((size.rooms, size.publishers, size.viewers), expected);
        }
        let plain = Program::parse_from(["bench"]);
        for (scenario, publishers) in [("fanout", 1), ("meeting", 4)] {
            let size = plain.load.load(scenario).expect(scenario).size;
            assert_eq!(size.publishers, publishers);
        }
        for (shape, word) in [
            ("fanout:", "no size"),
            ("fanout:1x2x3x4", "no size"),
            ("fanout:-1", "no size"),
            ("dance:2", "dance"),
            ("fanout:1x0", "1 participants"),
            ("rooms:10x10", "ROOMSx"),
            ("rooms:100x1x100", "10100"),
        ] {
            let problem = plain.load.load(shape).err().expect(shape).to_string();
            assert!(problem.contains(word), "{problem}");
        }
    }
}
