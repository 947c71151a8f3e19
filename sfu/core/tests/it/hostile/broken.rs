//! A broken invariant, for real: the handshake's implementation panics on a certain record, as a
//! fault of a library would make it. Nothing in the node knows of it.

use std::sync::Once;
use std::time::{Duration, Instant};

use sfu_core::shard::Limits;
use sfu_protocol::media::Source;
use sfu_protocol::signal::{NodeMessage, RefusedCode, Role};
use str0m::config::{DtlsCert, DtlsVersion};
use str0m::crypto::dtls::{DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, ProtocolVersion};
use str0m::crypto::{CryptoError, CryptoProvider};

use super::datagram;
use crate::world::{Publish, World, said};

/// A record that no peer sends.
const FATAL: &[u8] = &[63, 254, 253, 0xde, 0xad];

/// From now on, in this process.
fn plant() {
    static PLANTED: Once = Once::new();
    PLANTED.call_once(|| {
        let sound = str0m::crypto::from_feature_flags();
        let brittle: &'static Brittle = Box::leak(Box::new(Brittle(sound.dtls_provider)));
        let provider = CryptoProvider {
            dtls_provider: brittle,
            ..sound
        };
        provider.install_process_default();
    });
}

#[derive(Debug)]
struct Brittle(&'static dyn DtlsProvider);

impl DtlsProvider for Brittle {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        self.0.generate_certificate()
    }

    fn new_dtls(
        &self,
        cert: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let inner = self.0.new_dtls(cert, now, version, mtu)?;
        Ok(Box::new(BrittleInstance(inner)))
    }
}

#[derive(Debug)]
struct BrittleInstance(Box<dyn DtlsInstance>);

impl DtlsInstance for BrittleInstance {
    fn set_active(&mut self, active: bool) {
        self.0.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        assert!(packet != FATAL, "a fault of a library");
        self.0.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        self.0.poll_output(buf)
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.0.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.0.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.0.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.0.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.0.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.0.close()
    }
}

#[test]
fn a_panic_in_one_connection_costs_that_connection_and_nobody_a_packet() {
    plant();
    let mut world = World::new(Limits::default());
    let publish = [Publish::Camera { layers: 1 }];
    let ann = world.join(1, Role::Host, &publish, (0, 2));
    let ben = world.join(2, Role::Guest, &[], (0, 2));
    let mal = world.join(3, Role::Guest, &publish, (0, 2));
    world.stream(mal, Source::Camera, &[0], 5);
    world.stream(ann, Source::Camera, &[0], 5);
    world.clients[ben].packets.clear();
    world.stream(ann, Source::Camera, &[0], 10);
    let source = world.clients[mal].address;
    world.input(datagram(source, FATAL));
    world.stream(ann, Source::Camera, &[0], 10);
    let packets = &world.clients[ben].packets;
    assert_eq!(packets.len(), 40, "every packet of Ann's");
    let report = world.shard.report();
    assert_eq!((report.panics, report.connections), (1, 2));
    assert_eq!(report.participants, 3, "he keeps his place");
    let told = said(&world.clients[mal]).iter().any(|message| {
        matches!(
            message,
            NodeMessage::Refused {
                code: RefusedCode::Internal,
                ..
            }
        )
    });
    assert!(told, "he is told to make a new one");

    world.new_transport(mal);
    world.offer(mal, &publish, (0, 2));
    world.run(Duration::from_secs(2));
    assert!(world.clients[mal].rtc.is_connected(), "he is back");
    world.clients[ben].packets.clear();
    world.stream(mal, Source::Camera, &[0], 10);
    assert!(world.clients[ben].packets.len() >= 18, "and seen again");
    assert_eq!(world.shard.report().panics, 1);
}
