//! People come and go all the time; whoever stays notices nothing.

use std::time::Duration;

use super::{Part, Plan, Scenario, Size, delivery_claims};
use crate::report::Summary;

/// How long each of those that come and go stays.
const STAY: Duration = Duration::from_secs(2);

/// See the module's head.
pub(crate) struct Churn;

impl Scenario for Churn {
    fn name(&self) -> &'static str {
        "churn"
    }

    fn claim(&self) -> &'static str {
        "half of the --viewers are replaced every 2 s: 99 % of the frames are decoded, 95 % of them within 150 ms"
    }

    fn plan(&self, size: &Size) -> Plan {
        let viewer = size.viewer(size.publishers);
        let restless = size.viewers / 2;
        let staying = size.viewers - restless;
        let publishers = std::iter::repeat_n(Part::publisher(size.layers), size.publishers.into());
        let viewers = std::iter::repeat_n(viewer, staying.into());
        // The last ones come early enough to be seen to stay.
        let rounds = (size.window.as_secs() / STAY.as_secs()) as u32;
        let comers = (0..rounds).flat_map(|round| {
            (0..restless).map(move |number| Part {
                comes_after: Some(STAY * round + STAY * number.into() / u32::from(restless.max(1))),
                stays: Some(STAY),
                ..viewer
            })
        });
        Plan::of(
            publishers.chain(viewers).chain(comers).collect(),
            size.rooms,
        )
    }

    fn broken_claims(&self, summary: &Summary) -> Vec<String> {
        delivery_claims(summary, 99.0, 150.0)
    }
}
