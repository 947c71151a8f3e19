//! A participant without a browser, on a thread of its own.

use std::thread::JoinHandle;

use serde_json::Value;
use sfu_client::driver::{self, DriverReport, JoinTarget, Options};
use sfu_client::synthetic::{Shape, Synthetic};
use tokio::sync::oneshot;

use crate::meeting::text;

/// One who takes part until it leaves, or until the node says goodbye. It leaves as well when
/// this is dropped.
pub(crate) struct Visitor {
    /// Who it is in the room.
    pub(crate) id: String,
    leave: oneshot::Sender<()>,
    stay: JoinHandle<DriverReport>,
}

impl Visitor {
    /// Goes where the answer to a join leads.
    pub(crate) fn comes(answer: &Value, options: Options) -> Visitor {
        let target = JoinTarget {
            ws_url: text(&answer["url"]),
            grant: text(&answer["grant"]),
        };
        let (leave, left) = oneshot::channel();
        let stay = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            let until = async {
                let _ = left.await;
            };
            let source = Synthetic::new(Shape::meeting(1));
            let stay = driver::run(target, options, source, until);
            runtime.block_on(stay).expect("takes part to the end")
        });
        Visitor {
            id: text(&answer["participant_id"]),
            leave,
            stay,
        }
    }

    /// Leaves, and says how it went.
    pub(crate) fn leaves(self) -> DriverReport {
        // Gone already when its thread failed, which is seen next.
        let _ = self.leave.send(());
        self.stay.join().expect("takes part to the end")
    }

    /// Stays until the node says goodbye, and says how it went.
    pub(crate) fn stays(self) -> DriverReport {
        let report = self.stay.join().expect("takes part to the end");
        drop(self.leave);
        report
    }
}
