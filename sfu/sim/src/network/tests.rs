use super::*;

fn rtp(ssrc: u32, seq: u16) -> Datagram {
    let mut bytes = vec![0x80, 96];
    bytes.extend_from_slice(&seq.to_be_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&ssrc.to_be_bytes());
    bytes.resize(1_000, 0);
    Datagram {
        source: SocketAddr::from(([10, 0, 0, 1], 1)),
        destination: SocketAddr::from(([10, 0, 0, 2], 2)),
        bytes,
    }
}

fn arrivals(network: &mut Network) -> Vec<(Instant, Datagram)> {
    std::iter::from_fn(|| {
        let at = network.next_arrival()?;
        Some((at, network.deliver(at)?))
    })
    .collect()
}

#[test]
fn fate_depends_on_the_seed_and_the_packet_and_not_on_the_order_of_streams() {
    let now = Instant::now();
    let burst: Vec<_> = (0..2_000u16)
        .map(|n| (rtp(u32::from(n % 2), n), Path::LOSSY))
        .collect();
    let turned: Vec<_> = [1, 0]
        .into_iter()
        .flat_map(|odd| burst.iter().skip(odd).step_by(2).cloned())
        .collect();
    let run = |seed, burst: &[(Datagram, Path)]| {
        let mut network = Network::new(seed);
        network.take(now, burst.to_vec());
        (network.traffic().lost, arrivals(&mut network))
    };
    let (lost, first) = run(7, &burst);
    assert!((60..140).contains(&lost), "5 % of 2000, not {lost}");
    assert_eq!(first, run(7, &turned).1);
    assert_ne!(first, run(8, &burst).1);
}

#[test]
fn a_full_path_drops_what_would_wait_too_long() {
    let now = Instant::now();
    let path = Path {
        rate_bps: Some(800_000),
        queue_ms: 100,
        ..Path::OFFICE
    };
    let mut network = Network::new(1);
    network.take(now, (0..50).map(|seq| (rtp(1, seq), path)).collect());
    // 1000 bytes take 10 ms: eleven find at most 100 ms of queue before them.
    assert_eq!(network.traffic().overflowed, 39);
    assert_eq!(arrivals(&mut network).len(), 11);
}

#[test]
fn jitter_keeps_the_order_and_reordering_does_not() {
    let now = Instant::now();
    for (reorder_ppm, in_order) in [(0, true), (200_000, false)] {
        let path = Path {
            loss_ppm: 0,
            reorder_ppm,
            ..Path::LOSSY
        };
        let mut network = Network::new(3);
        for step in 0..100u16 {
            let at = now + Duration::from_millis(u64::from(step));
            network.take(at, vec![(rtp(1, step), path)]);
        }
        let seqs: Vec<_> = arrivals(&mut network)
            .iter()
            .map(|(_, d)| u16::from_be_bytes([d.bytes[2], d.bytes[3]]))
            .collect();
        assert_eq!(seqs.is_sorted(), in_order);
        assert_eq!(seqs.len(), 100);
    }
}

#[test]
fn a_path_doubles_what_it_is_told_to_and_a_dark_one_carries_nothing() {
    let now = Instant::now();
    let twice = Path {
        duplicate_ppm: 1_000_000,
        ..Path::OFFICE
    };
    let mut network = Network::new(5);
    network.take(now, (0..10).map(|seq| (rtp(1, seq), twice)).collect());
    assert_eq!(arrivals(&mut network).len(), 20);
    let dark = twice.dark();
    network.take(now, (10..20).map(|seq| (rtp(1, seq), dark)).collect());
    assert_eq!(arrivals(&mut network).len(), 0);
    let traffic = network.traffic();
    assert_eq!((traffic.doubled, traffic.darkened), (10, 10));
}
