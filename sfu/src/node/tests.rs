use super::*;
use crate::testing::Office;

fn node(shards: u16) -> Node {
    let config = Config {
        udp_port: 0,
        shards,
        ..Config::default()
    };
    Node::start(
        config,
        Office::new().verifier(),
        &prometheus::Registry::new(),
        Shutdown::new(),
    )
    .expect("a node on free loopback ports")
}

#[tokio::test]
async fn a_shard_that_panics_is_loud_and_the_others_go_on() {
    let node = node(2);
    let mut condition = node.condition();
    assert_eq!(*condition.borrow(), Ok(()));
    let doors: Vec<&ShardDoor> = node.doors.all().collect();
    doors[1].bring(Command::Panic).await.expect("it runs");
    let problem = condition
        .wait_for(Result::is_err)
        .await
        .expect("the node is here")
        .clone()
        .expect_err("waited for");
    assert!(problem.contains("shard 1"), "{problem}");
    assert!(problem.contains("a test broke an invariant"), "{problem}");
    assert_eq!(*node.threads.running.borrow(), 1);
    doors[0].bring(Command::Stop).await.expect("it still runs");
    assert!(matches!(
        node.control(ControlRequest::ListRooms {}).await,
        Err(ControlError::ShardGone)
    ));
    node.stop().await;
}

#[tokio::test]
async fn stopping_ends_every_thread_in_time_and_is_no_failure() {
    let node = node(3);
    let before = std::time::Instant::now();
    node.stop().await;
    assert!(before.elapsed() <= STOP_DEADLINE);
    assert_eq!(*node.threads.running.borrow(), 0);
    assert_eq!(*node.condition().borrow(), Ok(()));
    node.stop().await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let first = node(1);
    let config = Config {
        udp_port: first.udp_ports()[0],
        shards: 1,
        ..Config::default()
    };
    let second = Node::start(
        config,
        Office::new().verifier(),
        &prometheus::Registry::new(),
        Shutdown::new(),
    );
    let Err(problem) = second else {
        panic!("one port cannot be opened twice")
    };
    let problem = format!("{problem:#}");
    assert!(
        problem.contains(&first.udp_ports()[0].to_string()),
        "{problem}"
    );
    first.stop().await;
}
