//! Fuzz targets: any bytes from strangers, from clients with credentials, and from peers. See
//! `corpus` for how they run.
//!
//! | target | who sends | what must hold |
//! |---|---|---|
//! | [`stranger`] | nobody with credentials | nothing is opened or relayed; no answer is larger than [`stranger::MAX_ANSWER_BYTES`] |
//! | [`client`] | holders of valid credentials | only allowed peers are reached, quotas hold, every socket that is opened is closed |
//! | [`peer`] | a peer and its neighbours | only the peer is heard, and what it said arrives whole |

pub(crate) mod client;
pub(crate) mod peer;
mod sockets;
pub(crate) mod stranger;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::replay;

    #[test]
    fn strangers_of_the_corpus_get_nothing_and_no_large_answer() {
        replay("stranger", stranger::seeds(), stranger::run);
    }

    #[test]
    fn clients_of_the_corpus_reach_allowed_peers_only_and_leave_no_socket_behind() {
        replay("client", client::seeds(), client::run);
    }

    #[test]
    fn peers_of_the_corpus_are_heard_whole_or_not_at_all() {
        replay("peer", peer::seeds(), peer::run);
    }
}
