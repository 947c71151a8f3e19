//! Real sockets: a client reaches the media address through the relay, and nothing else.

use std::net::SocketAddr;
use std::time::Duration;

use deploy_process::shutdown::Shutdown;
use sfu_protocol::ids::ParticipantId;
use sfu_protocol::turn::{TurnCredential, mint};
use tokio::net::UdpSocket;
use tokio::time::timeout;
use turn::{Allowed, Config, Relay, Secrets};
use turn_core::auth::REALM;
use turn_core::stun::{Class, LongTermKey, Message, Method, Writer, attribute};

const SECRET: &[u8] = b"shared";
/// Far beyond what loopback needs: a lost answer fails the test, a slow machine does not.
const PATIENCE: Duration = Duration::from_secs(10);

fn on_loopback(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

async fn ask(socket: &UdpSocket, relay: SocketAddr, request: &[u8]) -> Vec<u8> {
    socket.send_to(request, relay).await.expect("sent");
    hear(socket).await.0
}

async fn hear(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 2048];
    let (length, from) = timeout(PATIENCE, socket.recv_from(&mut buffer))
        .await
        .expect("an answer in time")
        .expect("received");
    buffer.truncate(length);
    (buffer, from)
}

fn now_s() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970")
        .as_secs()
}

struct Client {
    socket: UdpSocket,
    relay: SocketAddr,
    who: TurnCredential,
    nonce: String,
}

impl Client {
    async fn new(relay: SocketAddr) -> Client {
        let socket = UdpSocket::bind(on_loopback(0)).await.expect("a port");
        let first = Writer::new(Class::Request, Method::Allocate, [0; 12]).finish();
        let answer = ask(&socket, relay, &first).await;
        let nonce = Message::parse(&answer)
            .expect("a message")
            .text(attribute::NONCE)
            .expect("a nonce")
            .to_owned();
        Client {
            socket,
            relay,
            who: mint(SECRET, ParticipantId(uuid::Uuid::from_u128(1)), now_s()),
            nonce,
        }
    }

    async fn request(&self, method: Method, fill: impl Fn(Writer) -> Writer) -> Vec<u8> {
        let key = LongTermKey::derive(&self.who.username, REALM, &self.who.password);
        let request = fill(Writer::new(Class::Request, method, [1; 12]))
            .attribute(attribute::USERNAME, self.who.username.as_bytes())
            .attribute(attribute::REALM, REALM.as_bytes())
            .attribute(attribute::NONCE, self.nonce.as_bytes())
            .finish_signed(&key);
        ask(&self.socket, self.relay, &request).await
    }
}

#[tokio::test]
async fn a_client_reaches_the_media_address_through_the_relay_and_back_and_nothing_else() {
    let media = UdpSocket::bind(on_loopback(0)).await.expect("a port");
    let media_address = media.local_addr().expect("bound");
    let stranger = UdpSocket::bind(on_loopback(0)).await.expect("a port");
    let stranger_address = stranger.local_addr().expect("bound");
    let shutdown = Shutdown::new();
    let config = Config {
        port: 0,
        ..Config::default()
    };
    let secrets = Secrets {
        shared: SECRET.to_vec(),
    };
    let registry = prometheus::Registry::new();
    let allowed = vec![Allowed::exactly(media_address)];
    let relay = Relay::start(&config, &secrets, allowed, &registry, shutdown.clone())
        .await
        .expect("starts");

    let client = Client::new(relay.address()).await;
    let answer = client
        .request(Method::Allocate, |request| {
            request.attribute(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0])
        })
        .await;
    let message = Message::parse(&answer).expect("a message");
    assert_eq!(message.class, Class::Success);
    let relayed = message
        .addresses(attribute::XOR_RELAYED_ADDRESS)
        .next()
        .flatten()
        .expect("a relayed address");

    let bind_to = |peer: SocketAddr| {
        move |request: Writer| {
            request
                .attribute(attribute::CHANNEL_NUMBER, &[0x40, 0, 0, 0])
                .address(attribute::XOR_PEER_ADDRESS, peer)
        }
    };
    let refused = client
        .request(Method::ChannelBind, bind_to(stranger_address))
        .await;
    assert_eq!(Message::parse(&refused).map(|m| m.class), Ok(Class::Error));
    let bound = client
        .request(Method::ChannelBind, bind_to(media_address))
        .await;
    assert_eq!(Message::parse(&bound).map(|m| m.class), Ok(Class::Success));

    let out = [&[0x40, 0, 0, 4][..], b"ping"].concat();
    client
        .socket
        .send_to(&out, client.relay)
        .await
        .expect("sent");
    let (heard, from) = hear(&media).await;
    assert_eq!((heard.as_slice(), from), (&b"ping"[..], relayed));

    stranger.send_to(b"boo", relayed).await.expect("sent");
    media.send_to(b"pong", relayed).await.expect("sent");
    let (back, _) = hear(&client.socket).await;
    assert_eq!(back, [&[0x40, 0, 0, 4][..], b"pong"].concat());

    shutdown.request();
    timeout(PATIENCE, relay.stop()).await.expect("stops");
}
