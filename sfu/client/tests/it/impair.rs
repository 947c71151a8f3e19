//! Relays on loopback: what arrives, in which order, and what is counted. Nothing is timed.

use std::net::{Ipv4Addr, SocketAddr};

use sfu_client::impair::path::{LineChange, PathChange};
use sfu_client::impair::relay::{ClientReport, ImpairError, Impairment, Route, Transport, Which};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

fn up(up: PathChange) -> LineChange {
    LineChange {
        up,
        ..LineChange::default()
    }
}

fn dark(blackout: bool) -> PathChange {
    PathChange {
        blackout: Some(blackout),
        ..PathChange::default()
    }
}

/// As many as one relay keeps.
const MAX_CLIENTS: u32 = 256;

/// A client, a target, and a relay between them.
struct Datagrams {
    impairment: Impairment,
    client: UdpSocket,
    target: UdpSocket,
}

impl Datagrams {
    async fn new() -> Self {
        let target = UdpSocket::bind(ANY).await.expect("a socket");
        let route = Route {
            listen: ANY,
            target: target.local_addr().expect("an address"),
        };
        let impairment = Impairment::open(&[route], &[], 1).await.expect("a relay");
        let client = UdpSocket::bind(ANY).await.expect("a socket");
        let listening = impairment.listening(Transport::Udp)[0];
        client.connect(listening).await.expect("connects");
        Datagrams {
            impairment,
            client,
            target,
        }
    }

    /// What arrives at the target, and from whom.
    async fn arrives(&self) -> (u32, SocketAddr) {
        let mut bytes = [0; 4];
        let (length, from) = self.target.recv_from(&mut bytes).await.expect("arrives");
        assert_eq!(length, 4);
        (u32::from_be_bytes(bytes), from)
    }

    async fn send(&self, number: u32) {
        let sent = self.client.send(&number.to_be_bytes()).await;
        assert_eq!(sent.expect("is sent"), 4);
    }

    /// Sends so many and waits until the relay has decided over each.
    async fn send_all(&self, numbers: std::ops::Range<u32>) -> ClientReport {
        let before = match self.impairment.clients().await.expect("a report").first() {
            Some(client) => client.up.taken,
            None => 0,
        };
        for number in numbers.clone() {
            self.send(number).await;
        }
        loop {
            let report = self.impairment.clients().await.expect("a report");
            match report.first() {
                Some(one) if one.up.taken == before + numbers.len() as u64 => return one.clone(),
                _ => tokio::task::yield_now().await,
            }
        }
    }
}

#[tokio::test]
async fn datagrams_pass_both_ways_and_each_client_has_an_upstream_address_of_its_own() {
    let net = Datagrams::new().await;
    net.send(7).await;
    let (number, from) = net.arrives().await;
    assert_eq!(number, 7);
    net.target.send_to(b"back", from).await.expect("is sent");
    let mut bytes = [0; 8];
    assert_eq!(net.client.recv(&mut bytes).await.expect("arrives"), 4);
    assert_eq!(&bytes[..4], b"back");

    let clients = net.impairment.clients().await.expect("a report");
    assert_eq!(clients.len(), 1);
    assert_eq!(
        clients[0].client,
        net.client.local_addr().expect("an address")
    );
    assert_eq!(
        clients[0].upstream.map(|upstream| upstream.port()),
        Some(from.port())
    );
    assert_eq!((clients[0].up.passed, clients[0].down.passed), (1, 1));
}

#[tokio::test]
async fn a_tenth_is_lost_by_chance_and_the_rest_keeps_its_order() {
    let net = Datagrams::new().await;
    let loss = PathChange {
        loss_ppm: Some(100_000),
        ..PathChange::default()
    };
    net.impairment
        .set(Which::All, up(loss))
        .await
        .expect("is set");
    let mut arrived = Vec::new();
    let mut lost = 0;
    for burst in 0..20 {
        let report = net.send_all(burst * 50..burst * 50 + 50).await;
        lost = report.up.lost;
        while (arrived.len() as u64) < report.up.taken - lost {
            arrived.push(net.arrives().await.0);
        }
    }
    assert!((60..140).contains(&lost), "10 % of 1000, not {lost}");
    assert_eq!(arrived.len() as u64, 1_000 - lost);
    assert!(arrived.is_sorted());
}

#[tokio::test]
async fn jitter_lets_datagrams_overtake_each_other_and_loses_none() {
    let net = Datagrams::new().await;
    let jitter = PathChange {
        delay_ms: Some(5),
        jitter_ms: Some(50),
        ..PathChange::default()
    };
    net.impairment
        .set(Which::Udp, up(jitter))
        .await
        .expect("is set");
    net.send_all(0..100).await;
    let mut arrived = Vec::new();
    for _ in 0..100 {
        arrived.push(net.arrives().await.0);
    }
    assert!(!arrived.is_sorted());
    arrived.sort_unstable();
    assert!(arrived.iter().copied().eq(0..100));
}

#[tokio::test]
async fn a_narrow_path_drops_what_would_wait_too_long() {
    let net = Datagrams::new().await;
    // Thirty-two bits take ten seconds: one is on its way, and none may wait.
    let narrow = PathChange {
        rate_bps: Some(Some(3)),
        queue_ms: Some(0),
        ..PathChange::default()
    };
    net.impairment
        .set(Which::All, up(narrow))
        .await
        .expect("is set");
    let report = net.send_all(0..20).await;
    assert_eq!((report.up.overflowed, report.up.passed), (19, 0));
}

#[tokio::test]
async fn in_a_blackout_of_one_client_the_other_loses_nothing() {
    let net = Datagrams::new().await;
    let other = UdpSocket::bind(ANY).await.expect("a socket");
    other
        .connect(net.impairment.listening(Transport::Udp)[0])
        .await
        .expect("connects");
    net.send_all(0..1).await;
    net.arrives().await;
    let client = Which::Client(net.client.local_addr().expect("an address"));
    net.impairment
        .set(client, up(dark(true)))
        .await
        .expect("is set");
    let report = net.send_all(1..11).await;
    assert_eq!(report.up.dark, 10);
    other.send(&77u32.to_be_bytes()).await.expect("is sent");
    assert_eq!(net.arrives().await.0, 77);

    net.impairment
        .set(client, up(dark(false)))
        .await
        .expect("is set");
    net.send(11).await;
    assert_eq!(net.arrives().await.0, 11);
}

#[tokio::test]
async fn after_a_rebind_the_target_sees_another_address_and_answers_to_the_old_one_are_lost() {
    let net = Datagrams::new().await;
    net.send(1).await;
    let (_, before) = net.arrives().await;
    net.impairment.rebind(Which::All).await.expect("rebinds");
    net.send(2).await;
    let (_, after) = net.arrives().await;
    assert_ne!(before, after);
    net.target.send_to(b"late", before).await.expect("is sent");
    net.target.send_to(b"news", after).await.expect("is sent");
    let mut bytes = [0; 4];
    net.client.recv(&mut bytes).await.expect("arrives");
    assert_eq!(&bytes, b"news");
}

#[tokio::test]
async fn who_makes_room_for_another_loses_what_was_underway_and_may_come_back() {
    let net = Datagrams::new().await;
    let late = up(PathChange {
        delay_ms: Some(200),
        ..PathChange::default()
    });
    net.impairment.set(Which::All, late).await.expect("is set");
    net.send_all(0..1).await;
    let mut others = Vec::new();
    for number in 2..=MAX_CLIENTS {
        let other = UdpSocket::bind(ANY).await.expect("a socket");
        let relay = net.impairment.listening(Transport::Udp)[0];
        let sent = other.send_to(&number.to_be_bytes(), relay).await;
        assert_eq!(sent.expect("is sent"), 4);
        others.push(other);
    }
    let one_more = UdpSocket::bind(ANY).await.expect("a socket");
    let relay = net.impairment.listening(Transport::Udp)[0];
    let sent = one_more.send_to(&u32::MAX.to_be_bytes(), relay).await;
    assert_eq!(sent.expect("is sent"), 4);
    net.send(1).await;
    let mut arrived = Vec::new();
    while arrived.last() != Some(&1) {
        arrived.push(net.arrives().await.0);
    }
    assert!(!arrived.contains(&0), "it went with its client");
    let clients = net.impairment.clients().await.expect("a report");
    assert_eq!(clients.len(), MAX_CLIENTS as usize);
}

#[tokio::test]
async fn thousands_of_datagrams_pass_without_a_loss_of_the_relay_s_own() {
    let net = Datagrams::new().await;
    let reader = async {
        let mut arrived = 0;
        while arrived < 10_000 {
            assert_eq!(net.arrives().await.0, arrived);
            arrived += 1;
        }
    };
    let sender = async {
        // A window below the smallest kernel buffer, so that every loss would be the relay's.
        for burst in 0..200 {
            let report = net.send_all(burst * 50..burst * 50 + 50).await;
            assert_eq!(report.up.overflowed + report.up.lost + report.up.unsent, 0);
        }
    };
    tokio::join!(reader, sender);
}

#[tokio::test]
async fn an_order_for_somebody_who_is_not_there_says_so() {
    let net = Datagrams::new().await;
    let nobody = Which::Client(ANY);
    assert!(matches!(
        net.impairment.set(nobody, LineChange::default()).await,
        Err(ImpairError::NoClient(_))
    ));
    assert!(matches!(
        net.impairment.rebind(nobody).await,
        Err(ImpairError::NoClient(_))
    ));
}

/// A TCP relay before a listener.
async fn streams() -> (Impairment, TcpListener) {
    let target = TcpListener::bind(ANY).await.expect("a listener");
    let route = Route {
        listen: ANY,
        target: target.local_addr().expect("an address"),
    };
    let impairment = Impairment::open(&[], &[route], 1).await.expect("a relay");
    (impairment, target)
}

async fn dialled(impairment: &Impairment) -> TcpStream {
    let listening = impairment.listening(Transport::Tcp)[0];
    TcpStream::connect(listening).await.expect("connects")
}

#[tokio::test]
async fn a_byte_stream_over_a_bad_path_is_whole_and_its_end_is_passed_on() {
    let (impairment, target) = streams().await;
    let bad = PathChange {
        loss_ppm: Some(50_000),
        delay_ms: Some(2),
        jitter_ms: Some(5),
        ..PathChange::default()
    };
    let line = LineChange { up: bad, down: bad };
    impairment.set(Which::Tcp, line).await.expect("is set");
    let mut near = dialled(&impairment).await;
    let (mut far, _) = target.accept().await.expect("accepts");
    let sent: Vec<u8> = (0..100_000u32).map(|n| n as u8).collect();
    let send = async {
        near.write_all(&sent).await.expect("is sent");
        near.shutdown().await.expect("ends");
    };
    let mut arrived = Vec::new();
    let (_, read) = tokio::join!(send, far.read_to_end(&mut arrived));
    read.expect("arrives");
    assert_eq!(arrived, sent);
    far.write_all(b"thanks").await.expect("is sent");
    drop(far);
    let mut answer = Vec::new();
    near.read_to_end(&mut answer).await.expect("arrives");
    assert_eq!(answer, b"thanks");
}

#[tokio::test]
async fn in_a_blackout_bytes_stop_and_new_connections_hang_and_afterwards_nothing_is_missing() {
    let (impairment, target) = streams().await;
    let mut near = dialled(&impairment).await;
    let (mut far, _) = target.accept().await.expect("accepts");
    let both = |blackout| LineChange {
        up: dark(blackout),
        down: dark(blackout),
    };
    impairment
        .set(Which::All, both(true))
        .await
        .expect("is set");
    near.write_all(b"in the dark").await.expect("is sent");
    let mut late = dialled(&impairment).await;
    late.write_all(b"late").await.expect("is sent");
    // The relay knows of the second connection and has not made it.
    loop {
        let clients = impairment.clients().await.expect("a report");
        if clients.len() == 2 {
            assert_eq!(clients[0].up.passed, 0);
            assert_eq!(clients[1].upstream, None);
            break;
        }
        tokio::task::yield_now().await;
    }
    impairment
        .set(Which::All, both(false))
        .await
        .expect("is set");
    let mut bytes = [0; 11];
    far.read_exact(&mut bytes).await.expect("arrives");
    assert_eq!(&bytes, b"in the dark");
    let (mut second, _) = target.accept().await.expect("accepts");
    let mut bytes = [0; 4];
    second.read_exact(&mut bytes).await.expect("arrives");
    assert_eq!(&bytes, b"late");
}

#[tokio::test]
async fn a_reset_cuts_both_ends_and_who_comes_back_is_served() {
    let (impairment, target) = streams().await;
    let mut near = dialled(&impairment).await;
    let (mut far, _) = target.accept().await.expect("accepts");
    impairment.reset_tcp().await.expect("cuts");
    let mut bytes = [0; 1];
    assert!(near.read_exact(&mut bytes).await.is_err());
    assert!(far.read_exact(&mut bytes).await.is_err());
    let mut again = dialled(&impairment).await;
    let (mut far, _) = target.accept().await.expect("accepts");
    again.write_all(b"x").await.expect("is sent");
    far.read_exact(&mut bytes).await.expect("arrives");
}
